/* net/connect.h - addresses, for those who connect and those who listen. */
#ifndef WEFT_NET_CONNECT_H
#define WEFT_NET_CONNECT_H

#include <sys/socket.h>

struct sockaddr_un;

/* A unix socket's address; '@' begins an abstract one.  Errors: -ENAMETOOLONG; -EINVAL: it is empty. */
int weft__unix_address(const char *path, struct sockaddr_un *address, socklen_t *size);

#endif

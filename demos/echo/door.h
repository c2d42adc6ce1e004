/* The door of the servers 1 to 6: a socket that listens, and somebody beside it who waits for the end.
 *
 *     door_open --> OPEN --SIGINT, SIGTERM, end of the input--> SHUT: door_accept fails, guests are shut out
 *                                                                |
 *                                                 door_close <---+
 *
 * A server that blocks, in accept or in recv, cannot look at anything else.  So a thread waits in its
 * place, and at the end shuts the sockets down: the calls that block on them return, and those to come fail
 * at once. */
#ifndef ECHO_DOOR_H
#define ECHO_DOOR_H

#include <stdbool.h>

/* Listen on 127.0.0.1 (port 0: any free one), and say so.  Returns the socket, or an error. */
int door_open(int port);

/* Accept a connection.  Returns it; -EAGAIN: there is none now (a non-blocking door's answer); another
 * error: the door is shut. */
int door_accept(int listener);

/* Between these two a connection is shut down as the door is, so that who blocks on it wakes up.  The
 * second one closes it. */
void door_enter(int fd);
void door_leave(int fd);

/* Wait for the last guest to leave, and close the door. */
void door_close(int listener);

/* Say where the server listens.  Errors: the output's: nobody would know. */
int door_announce(int port);

/* Read, to see whether it has ended: a file, /dev/null too, soon has.  What it brings is dropped. */
bool door_has_ended(int fd);

int set_nonblocking(int fd);

#endif

/* error.c - what an error is called, and what it means. */
#include "config.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weft/error.h>

/* The errnos that a program on sockets, files and memory meets; strerrorname_np is glibc's alone, and new.
 * POSIX' names, in their order. */
/* clang-format off */
#define ERRNOS(X) \
    X(E2BIG) X(EACCES) X(EADDRINUSE) X(EADDRNOTAVAIL) X(EAFNOSUPPORT) X(EAGAIN) X(EALREADY) \
    X(EBADF) X(EBADMSG) X(EBUSY) X(ECANCELED) X(ECHILD) X(ECONNABORTED) X(ECONNREFUSED) \
    X(ECONNRESET) X(EDEADLK) X(EDESTADDRREQ) X(EDOM) X(EDQUOT) X(EEXIST) X(EFAULT) X(EFBIG) \
    X(EHOSTUNREACH) X(EIDRM) X(EILSEQ) X(EINPROGRESS) X(EINTR) X(EINVAL) X(EIO) X(EISCONN) \
    X(EISDIR) X(ELOOP) X(EMFILE) X(EMLINK) X(EMSGSIZE) X(ENAMETOOLONG) X(ENETDOWN) X(ENETRESET) \
    X(ENETUNREACH) X(ENFILE) X(ENOBUFS) X(ENODEV) X(ENOENT) X(ENOEXEC) X(ENOLCK) X(ENOMEM) \
    X(ENOPROTOOPT) X(ENOSPC) X(ENOSYS) X(ENOTCONN) X(ENOTDIR) X(ENOTEMPTY) X(ENOTSOCK) \
    X(ENOTSUP) X(ENOTTY) X(ENXIO) X(EOVERFLOW) X(EPERM) X(EPIPE) X(EPROTO) X(EPROTONOSUPPORT) \
    X(EPROTOTYPE) X(ERANGE) X(EROFS) X(ESPIPE) X(ESRCH) X(ESTALE) X(ETIMEDOUT) X(ETXTBSY) X(EXDEV)
/* clang-format on */

#ifndef EAI_NODATA
#define EAI_NODATA EAI_NONAME
#endif
#ifndef EAI_ADDRFAMILY
#define EAI_ADDRFAMILY EAI_FAMILY
#endif
#define GAIS(X) \
    X(EAI_AGAIN) \
    X(EAI_BADFLAGS) \
    X(EAI_FAIL) \
    X(EAI_FAMILY) \
    X(EAI_ADDRFAMILY) \
    X(EAI_MEMORY) X(EAI_NONAME) X(EAI_NODATA) X(EAI_SERVICE) X(EAI_SOCKTYPE) X(EAI_OVERFLOW)

static const struct {
    int error;
    const char *name;
    const char *text;
} ours[] = {
#define OURS(name, number, text) {name, #name, text},
    WEFT_ERRORS(OURS)};

static const struct {
    int error;
    const char *name;
} errnos[] = {
#define ERRNO(name) {-name, #name},
    ERRNOS(ERRNO)};

static int gai_code(int eai)
{
    return (int)WEFT_EGAI - abs(eai);
}

/* A code of getaddrinfo, back in libc's own sign; 0 if it is none. */
static int gai_original(int error)
{
    static const int known[] = {
#define GAI(name) name,
        GAIS(GAI)};

    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        if (gai_code(known[i]) == error)
            return known[i];
    return 0;
}

static const char *gai_name(int eai)
{
#define GAI_NAME(name) \
    if (eai == name) \
        return #name;
    GAIS(GAI_NAME)
    return "UNKNOWN";
}

const char *weft_strerror(int error)
{
    static _Thread_local char unknown[48];
    int gai = gai_original(error);

    if (error == 0)
        return "success";
    for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
        if (ours[i].error == error)
            return ours[i].text;
    if (gai)
        return gai_strerror(gai);
    if (error < 0 && error > -4096)
        return strerror(-error);
    snprintf(unknown, sizeof(unknown), "unknown error %d", error);
    return unknown;
}

const char *weft_errname(int error)
{
    int gai = gai_original(error);

    if (error == 0)
        return "0";
    for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
        if (ours[i].error == error)
            return ours[i].name;
    for (size_t i = 0; i < sizeof(errnos) / sizeof(*errnos); i++)
        if (errnos[i].error == error)
            return errnos[i].name;
    return gai ? gai_name(gai) : "UNKNOWN";
}

int weft_error_from_gai(int eai)
{
    if (eai == 0)
        return 0;
    if (eai == EAI_SYSTEM)
        return errno ? -errno : -EIO;
    if (eai == EAI_MEMORY)
        return -ENOMEM;
    return gai_code(eai);
}

/* weft/error.h - one int for every error, and the two words that each public declaration carries.
 *
 * 0 is success.  A negative number is an error: `-errno` for what the system said, so that errno.h
 * comes with this header (-ECONNREFUSED), or one of the WEFT_E codes below for what only weft can
 * say.  They stand in a range of their own, below every errno, so that a kernel's ETIMEDOUT stays
 * tellable apart from an expired scope.  Name lookups have a second range, below these: the codes
 * of getaddrinfo, see weft_error_from_gai.
 *
 * Source: libuv and systemd, which carry errors the same way.  asyncio raises exceptions; an int has
 * no traceback, so a failure keeps its place elsewhere: in the future's site and the task's frames.
 */
#ifndef WEFT_ERROR_H
#define WEFT_ERROR_H

#include <errno.h>

#if defined(__GNUC__)
#define WEFT_API __attribute__((visibility("default")))
#define WEFT_NODISCARD __attribute__((warn_unused_result))
#define WEFT_NORETURN __attribute__((noreturn))
#define WEFT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define WEFT_API
#define WEFT_NODISCARD
#define WEFT_NORETURN
#define WEFT_PRINTF(fmt, args)
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The codes, in one table: name, number, text.  Everything that lists them is made from it. */
#define WEFT_ERRORS(X) \
    X(WEFT_ECANCELLED, -20001, "cancelled") \
    X(WEFT_ETIMEDOUT, -20002, "deadline expired") \
    X(WEFT_EINVALIDSTATE, -20003, "not possible in this state") \
    X(WEFT_EABANDONED, -20004, "abandoned: nobody is left who could set the result") \
    X(WEFT_ECLOSED, -20005, "closed") \
    X(WEFT_ESTOPPED, -20006, "the loop was stopped before the future was done") \
    X(WEFT_EDEADLOCK, -20007, "deadlock: nothing is left that could wake this") \
    X(WEFT_EBADYIELD, -20008, "a task yielded what is not a future") \
    X(WEFT_EOTHERLOOP, -20009, "the future belongs to another loop") \
    X(WEFT_ESELFAWAIT, -20010, "a task awaits itself") \
    X(WEFT_ERUNNING, -20011, "already running") \
    X(WEFT_ENOTTASK, -20012, "not a task") \
    X(WEFT_EUNSHARED, -20013, \
      "the loop was not shared: weft_loop_ref before giving it to a thread") \
    X(WEFT_EGENEXIT, -20014, "the generator was closed") \
    X(WEFT_EINCOMPLETE, -20015, "the stream ended early") \
    X(WEFT_EOVERRUN, -20016, "limit overrun") \
    X(WEFT_ESHUTDOWN, -20017, "shut down") \
    X(WEFT_ENOTASK, -20018, "no task is running") \
    X(WEFT_EBLOCKING, -20019, "the descriptor is in blocking mode") \
    X(WEFT_EBASEFREED, -20020, "the event_base was freed before the loop was closed") \
    X(WEFT_ENOTOWNER, -20021, "not held by the task that asks") \
    X(WEFT_EBROKEN, -20022, "the barrier is broken") \
    X(WEFT_EFULL, -20023, "the queue is full") \
    X(WEFT_EEMPTY, -20024, "the queue is empty") \
    X(WEFT_EINTERRUPTED, -20025, "interrupted by a signal") \
    X(WEFT_EOWNED, -20026, "the generator is another's: a task, or one that delegates to it")

enum weft_error {
#define WEFT_ERROR_ENUM(name, number, text) name = number,
    WEFT_ERRORS(WEFT_ERROR_ENUM)
#undef WEFT_ERROR_ENUM
    /* getaddrinfo's EAI_x becomes WEFT_EGAI - |EAI_x|: its sign differs from libc to libc. */
    WEFT_EGAI = -21000
};

/* Say what an error means, in words.
 * Ownership: the text is static, except for an unknown code's, which lives until this thread asks
 * for the next unknown one.  Never NULL; 0 is "success". */
WEFT_API const char *weft_strerror(int error);

/* Say an error's name: "WEFT_ECANCELLED", "ECONNREFUSED", "EAI_NONAME"; "0" for success and
 * "UNKNOWN" for a number that is nobody's.
 * Ownership: static. */
WEFT_API const char *weft_errname(int error);

/* Turn getaddrinfo's return value into weft's range.
 * Errors: 0 stays 0; EAI_SYSTEM becomes the `-errno` of now (-EIO if there is none), and
 * EAI_MEMORY -ENOMEM. */
WEFT_API int weft_error_from_gai(int eai);

#ifdef __cplusplus
}
#endif
#endif

/* thread.c - the thread's variable, and misuse that ends the program. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/thread.h"

_Thread_local struct weft__thread weft__thread;

void weft__fatal(const char *format, ...)
{
    va_list args;

    fputs("weft: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

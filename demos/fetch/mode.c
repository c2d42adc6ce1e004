#include "mode.h"

#include <string.h>

const struct mode modes[MODES] = {
    {"blocking", "client_blocking.c", blocking_run, NULL, 13.22},
    {"processes", "client_processes.c", processes_run, NULL, 2.376},
    {"threads", "client_threads.c", threads_run, NULL, 2.198},
    {"poll", "client_poll.c", poll_run, NULL, 10.07},
    {"select", "client_select.c", select_run, NULL, 1.521},
    {"generator", "client_generator.c", on_weft_run, generator_fetch, 0.979},
    {"yield-from", "client_yield_from.c", on_weft_run, yield_from_fetch, 0.864},
    {"native", "client_native.c", on_weft_run, native_fetch, 0.991},
    {"explicit", "client_explicit.c", on_weft_run, explicit_fetch, 0},
};

const struct mode *mode_find(const char *name)
{
    for (size_t i = 0; i < MODES; i++)
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    return NULL;
}

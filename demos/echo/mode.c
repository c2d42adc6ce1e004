#include "mode.h"

const struct mode modes[MODES] = {
    {"blocking", "1-blocking.c", serve_blocking}, {"processes", "2-processes.c", serve_processes},
    {"threads", "3-threads.c", serve_threads},    {"polling", "4-polling.c", serve_polling},
    {"select", "5-select.c", serve_select},       {"callbacks", "6-callbacks.c", serve_callbacks},
    {"streams", "7-streams.c", serve_streams},
};

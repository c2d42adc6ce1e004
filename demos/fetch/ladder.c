#include "ladder.h"

#include <errno.h>
#include <sys/resource.h>
#include "mode.h"
#include "run.h"

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void print_rung(FILE *out, size_t rung, const struct record *record, double blocking,
                       const struct rusage *usage)
{
    double total = record->ended - record->begun;
    size_t failed = record_failed(record);

    fprintf(out, "%zu %-11s %8.3f %7.1fx %7.3f %8ld %8ld %9.3f", rung + 1, modes[rung].name, total,
            total > 0 ? blocking / total : 0,
            seconds_of(usage->ru_utime) + seconds_of(usage->ru_stime), usage->ru_maxrss,
            usage->ru_nvcsw + usage->ru_nivcsw, modes[rung].python);
    if (failed)
        fprintf(out, "  failed: %zu", failed);
    fputc('\n', out);
    fflush(out);
}

int ladder_run(FILE *out, const struct options *options, size_t window, struct tracer *tracer,
               struct record **records)
{
    double blocking = 0;
    char text[4096];

    fprintf(out, "%s, in %d modes, one mode after the other\n\n",
            options_describe(options, text, sizeof text), RUNGS);
    fprintf(out, "%-13s %8s %8s %7s %8s %8s %9s\n", "mode", "seconds", "speed-up", "CPU s",
            "peak KB", "switches", "Python s");
    for (size_t i = 0; i < RUNGS && !run_signal(); i++) {
        struct rusage usage;
        int error;

        records[i] = record_new(options->count * options->url_count);
        if (!records[i])
            return -ENOMEM;
        error = run_mode(options, &modes[i], (int)i + 1, window, tracer, records[i], &usage);
        if (error)
            return error;
        if (i == 0)
            blocking = records[0]->ended - records[0]->begun;
        print_rung(out, i, records[i], blocking, &usage);
    }
    fputs("\n"
          "CPU, memory and context switches: of the mode's own process and its workers,\n"
          "memory of the largest.  Python s: what the same eight ways took in Python, for\n"
          "20 requests to a far server.\n",
          out);
    return 0;
}

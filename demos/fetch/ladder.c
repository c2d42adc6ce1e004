#include "ladder.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <unistd.h>
#include "mode.h"
#include "tracer.h"

static WEFT_NORETURN void be_the_child(const struct options *options, size_t rung, size_t window,
                                       struct tracer *tracer, struct record *record)
{
    struct options mine = *options;
    int error;

#ifdef __linux__
    /* Ctrl-C reaches all; who kills the parent alone shall end this, too. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
#endif
    mine.mode = &modes[rung];
    if (!mine.mode->fetch)
        tracer = NULL; /* there are no tasks */
    if (tracer)
        tracer_begin(tracer, (int)rung + 1, mine.mode->name);
    record->error = batch_run(&mine, record, window, tracer);
    error = tracer ? tracer_end(tracer) : 0;
    exit(record->error || error ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* Runs one mode.  Returns 0 or an error; *usage is what it took, with its own workers. */
static int run_rung(const struct options *options, size_t rung, size_t window,
                    struct tracer *tracer, struct record *record, struct rusage *usage)
{
    int status = 0;
    pid_t pid;

    fflush(NULL); /* or both processes write what is in the buffers */
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        be_the_child(options, rung, window, tracer, record);
    while (wait4(pid, &status, 0, usage) < 0)
        if (errno != EINTR)
            return -errno;
    if (record->error)
        return record->error;
    if (WIFSIGNALED(status))
        fprintf(stderr, "fetch: mode %s: its process was killed by signal %d\n", modes[rung].name,
                WTERMSIG(status));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : WEFT_EABANDONED;
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static void print_rung(FILE *out, size_t rung, const struct record *record, double blocking,
                       const struct rusage *usage)
{
    double total = record->ended - record->begun;
    size_t failed = record_failed(record);

    fprintf(out, "%zu %-11s %8.3f %7.1fx %7.3f %9ld %9ld %11.3f", rung + 1, modes[rung].name, total,
            total > 0 ? blocking / total : 0,
            seconds_of(usage->ru_utime) + seconds_of(usage->ru_stime), usage->ru_maxrss,
            usage->ru_nvcsw + usage->ru_nivcsw, modes[rung].documents);
    if (failed)
        fprintf(out, "  failed: %zu", failed);
    fputc('\n', out);
    fflush(out);
}

int ladder_run(FILE *out, const struct options *options, size_t window, struct tracer *tracer,
               struct record **records)
{
    size_t count = options->count * options->url_count;
    double blocking = 0;

    fprintf(out, "%zu request%s to %s%s, in %d modes, one mode after the other\n\n", count,
            count == 1 ? "" : "s", options->urls[0].text, options->url_count > 1 ? ", ..." : "",
            RUNGS);
    fprintf(out, "%-13s %8s %8s %7s %9s %9s %11s\n", "mode", "seconds", "speed-up", "CPU s",
            "peak KB", "switches", "documents s");
    for (size_t i = 0; i < RUNGS; i++) {
        struct rusage usage;
        int error;

        records[i] = record_new(count);
        if (!records[i])
            return -ENOMEM;
        error = run_rung(options, i, window, tracer, records[i], &usage);
        if (error)
            return error;
        if (i == 0)
            blocking = records[0]->ended - records[0]->begun;
        print_rung(out, i, records[i], blocking, &usage);
    }
    fputs("\nCPU, memory and context switches are those of the mode's own process, with its workers;\n"
          "memory is that of the largest.  The documents: 20 requests to a far server, in Python.\n",
          out);
    return 0;
}

/* fetch: get URLs, in one of the documents' eight ways, or in all of them; `fetch --help` says how.
 *
 *     mode.h           the ladder: blocking, processes, threads, poll, select, generator, yield from, native
 *     client_*.c       a file for each rung, below the Python that it mirrors
 *     on_weft.c        a task for each request: what the last three rungs share
 *     request.h        what all share: a request from begin to end, into its row of the record (record.h)
 *     run.h            a mode, in a process of its own; progress.h: how far it is
 *     report.h         the record as a list; ladder.h: as a table; timeline.h: as a picture
 *     tracer.h         what tasks did, from the loop's hooks
 *     origin.h         the server
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <weft.h>
#include "ladder.h"
#include "mode.h"
#include "origin.h"
#include "output.h"
#include "report.h"
#include "run.h"
#include "timeline.h"
#include "tracer.h"

/* Lets as many descriptors be open as may be; returns how many. */
static size_t raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (size_t)limit.rlim_cur : 256;
}

/* Says what went wrong, if something has.  Returns the exit status. */
static int say(const char *what, int error)
{
    if (!error)
        return EXIT_SUCCESS;
    fprintf(stderr, "fetch: %s: %s (%s)\n", what, weft_strerror(error), weft_errname(error));
    return EXIT_FAILED;
}

/* Fetches in one mode, and reports.  Returns 0 or an error; the record is made. */
static int fetch_in_one(const struct options *options, size_t window, struct tracer *tracer,
                        struct record **record)
{
    struct rusage usage;
    char text[4096];
    int error;

    *record = record_new(options->count * options->url_count);
    if (!*record)
        return -ENOMEM;
    error = run_mode(options, options->mode, 1, window, tracer, *record, &usage);
    if (error)
        return error;
    printf("%s, mode %s (%s)\n", options_describe(options, text, sizeof text), options->mode->name,
           options->mode->file);
    report_print(stdout, *record, options->url_count > 1);
    return 0;
}

/* Draws those records that are there.  Returns 0 or an error. */
static int draw(const struct options *options, struct record *const *records, FILE *file)
{
    struct timeline_run runs[RUNGS];
    size_t count = 0;
    char title[88]; /* more has no room */

    for (; count < RUNGS && records[count]; count++) {
        if (options->ladder)
            snprintf(runs[count].title, sizeof runs[count].title, "%zu %s", count + 1,
                     modes[count].name);
        else
            snprintf(runs[count].title, sizeof runs[count].title, "%s", options->mode->name);
        runs[count].record = records[count];
    }
    return timeline_write(file, options_describe(options, title, sizeof title), runs, count);
}

/* What is left to be done with the records: the exit status, the picture, the trace. */
static int finish(const struct options *options, struct record *const *records, FILE *picture,
                  struct tracer *tracer)
{
    int status = EXIT_SUCCESS, error = tracer_close(tracer);

    if (picture)
        status |= say(options->timeline, draw(options, records, picture));
    for (size_t i = 0; i < RUNGS && records[i]; i++) {
        if (record_failed(records[i]) > 0)
            status = EXIT_FAILED;
        if (!error)
            error = records[i]->trace_error;
    }
    return status | say(options->trace, error);
}

/* Fetches in one mode or in all, with what was asked for besides.  Returns the exit status. */
static int fetch(const struct options *options, size_t descriptors)
{
    size_t window = descriptors > 64 ? (descriptors - 32) / (options->save ? 2 : 1) : 16;
    struct record *records[RUNGS] = {NULL};
    struct tracer *tracer = NULL;
    FILE *picture = NULL;
    int error, status;

    if (options->trace && !(tracer = tracer_open(options->trace)))
        return say(options->trace, -errno);
    if (options->timeline && !(picture = fopen(options->timeline, "w"))) {
        status = say(options->timeline, -errno);
        tracer_close(tracer);
        return status;
    }
    run_catch_signals();
    if (options->ladder)
        error = ladder_run(stdout, options, window, tracer, records);
    else
        error = fetch_in_one(options, window, tracer, &records[0]);
    status = say("the requests", error);
    status |= finish(options, records, picture, tracer);
    for (size_t i = 0; i < RUNGS; i++)
        record_free(records[i]);
    return run_signal() ? EXIT_SIGNAL + run_signal() : status;
}

/* No URL was given: starts a server, and makes its URL the one. */
static int start_origin(struct options *options, struct origin *origin)
{
    const char *problem;
    char text[64];
    int error;

    options->urls = calloc(1, sizeof *options->urls);
    if (!options->urls)
        return -ENOMEM;
    error = origin_start(origin, options->delay);
    if (error)
        return error;
    snprintf(text, sizeof text, "http://127.0.0.1:%d/", origin->port);
    if (url_parse(options->urls, text, &problem))
        options->url_count = 1;
    return options->url_count ? 0 : -ENOMEM;
}

int main(int argc, char **argv)
{
    struct options options;
    struct origin origin = {.pid = 0};
    size_t descriptors;
    int status = EXIT_SUCCESS;

    setlocale(LC_CTYPE, "");
    options_read(&options, argc, argv);
    descriptors = raise_descriptor_limit();
    if (options.serve)
        return say("--serve", origin_serve(options.port, options.delay, STDIN_FILENO));
    if (options.url_count == 0)
        status = say("the built-in server", start_origin(&options, &origin));
    if (status == EXIT_SUCCESS) {
        for (size_t i = 0; i < options.url_count; i++)
            url_resolve(&options.urls[i]);
        status = fetch(&options, descriptors);
    }
    if (origin.pid > 0 && origin_stop(&origin) != 0)
        status = EXIT_FAILED;
    for (size_t i = 0; i < options.url_count; i++)
        url_free(&options.urls[i]);
    free(options.urls);
    return output_end(status);
}

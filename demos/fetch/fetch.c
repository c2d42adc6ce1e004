/* fetch: get URLs, in one of the documents' eight ways, or in all of them; `fetch --help` says how.
 *
 *     mode.h           the ladder: blocking, processes, threads, poll, select, generator, yield from, native
 *     client_*.c       a file for each rung, below the Python that it mirrors
 *     on_weft.c        a task for each request: what the last three rungs share
 *     request.h        what all share: a request from begin to end, into its row of the record (record.h)
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
#include "report.h"
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

static void print_error(const char *what, int error)
{
    fprintf(stderr, "fetch: %s: %s (%s)\n", what, weft_strerror(error), weft_errname(error));
}

/* Fetches in one mode, and reports.  Returns 0 or an error; the record is made. */
static int fetch_in_one(const struct options *options, size_t window, struct tracer *tracer,
                        struct record **record)
{
    size_t count = options->count * options->url_count;
    int error;

    *record = record_new(count);
    if (!*record)
        return -ENOMEM;
    if (tracer)
        tracer_begin(tracer, 1, options->mode->name);
    error = batch_run(options, *record, window, tracer);
    if (error)
        return error;
    printf("%zu request%s, mode %s (%s)\n\n", count, count == 1 ? "" : "s", options->mode->name,
           options->mode->file);
    report_print(stdout, *record);
    return 0;
}

/* Draws the records.  Returns 0 or an error. */
static int draw(const struct options *options, struct record *const *records, size_t count)
{
    struct timeline_run runs[RUNGS];

    for (size_t i = 0; i < count; i++) {
        if (options->ladder)
            snprintf(runs[i].title, sizeof runs[i].title, "%zu %s", i + 1, modes[i].name);
        else
            snprintf(runs[i].title, sizeof runs[i].title, "%s", options->mode->name);
        runs[i].record = records[i];
    }
    return timeline_write(options->timeline, runs, count);
}

/* Fetches in one mode or in all, with what was asked for besides.  Returns the exit code. */
static int fetch(const struct options *options, size_t descriptors)
{
    size_t window = descriptors > 64 ? (descriptors - 32) / (options->save ? 2 : 1) : 16;
    size_t count = options->ladder ? RUNGS : 1;
    struct record *records[RUNGS] = {NULL};
    struct tracer *tracer = options->trace ? tracer_open(options->trace) : NULL;
    int error = options->trace && !tracer ? -errno : 0, status = EXIT_SUCCESS;

    if (error) {
        print_error(options->trace, error);
        return EXIT_FAILED;
    }
    if (options->ladder)
        error = ladder_run(stdout, options, window, tracer, records);
    else
        error = fetch_in_one(options, window, tracer, &records[0]);
    if (error) {
        print_error("the requests", error);
        status = EXIT_FAILED;
    }
    for (size_t i = 0; i < count && !error; i++)
        if (record_failed(records[i]) > 0)
            status = EXIT_FAILED;
    if (!error && options->timeline && (error = draw(options, records, count)) != 0) {
        print_error(options->timeline, error);
        status = EXIT_FAILED;
    }
    error = tracer_close(tracer);
    if (error) {
        print_error(options->trace, error);
        status = EXIT_FAILED;
    }
    for (size_t i = 0; i < count; i++)
        record_free(records[i]);
    return status;
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
    int error = 0, status = EXIT_FAILED;

    setlocale(LC_CTYPE, "");
    options_read(&options, argc, argv);
    descriptors = raise_descriptor_limit();
    if (options.serve) {
        error = origin_serve(options.port, options.delay, STDIN_FILENO);
        if (error)
            print_error("--serve", error);
        return error ? EXIT_FAILED : EXIT_SUCCESS;
    }
    if (options.url_count == 0)
        error = start_origin(&options, &origin);
    if (error) {
        print_error("the built-in server", error);
    } else {
        for (size_t i = 0; i < options.url_count; i++)
            url_resolve(&options.urls[i]);
        status = fetch(&options, descriptors);
    }
    if (origin.pid > 0 && origin_stop(&origin) != 0)
        status = EXIT_FAILED;
    for (size_t i = 0; i < options.url_count; i++)
        url_free(&options.urls[i]);
    free(options.urls);
    return status;
}

/* fetch: get URLs, all at once, with one of the three clients; `fetch --help` says how.
 *
 *     loop = asyncio.new_event_loop()                             weft_runner_new()
 *     tasks = [Task(Client(url).fetch()) for url in urls]         fetch_all, fetch_one
 *     loop.run_until_complete(gather(*tasks))                     weft_gather_calls
 *     print(f'Request Times: {n}, Total Cost: {cost} seconds')    report_print
 */
#define _POSIX_C_SOURCE 200809L
#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <weft.h>
#include "options.h"
#include "origin.h"
#include "report.h"

/* ---- one request ------------------------------------------------------------------------------ */

struct request {
    const struct options *options;
    const struct url *url;
    size_t number; /* from 1 */
    struct report_row *row;
};

struct fetch_one {
    weft_gen gen;
    struct request *request;
    struct client *client;
    weft_scope scope;
};

/* Writes what went wrong, and the error's name: "connection refused (ECONNREFUSED)". */
static void describe(struct request *r, const char *problem, int error)
{
    char *text = r->row->error;
    size_t room = sizeof r->row->error;

    if (problem && problem[0])
        snprintf(text, room, "%s (%s)", problem, weft_errname(error));
    else if (error == WEFT_ETIMEDOUT)
        snprintf(text, room, "no complete answer within %g seconds (%s)", r->options->timeout,
                 weft_errname(error));
    else
        snprintf(text, room, "%s (%s)", weft_strerror(error), weft_errname(error));
    if (islower((unsigned char)text[1]))
        text[0] = (char)tolower((unsigned char)text[0]);
}

/* Opens the file for the body, if there shall be one. */
static int open_file(const struct request *r, struct http_response *response)
{
    char path[4096];

    if (r->options->save)
        snprintf(path, sizeof path, "%s/%zu", r->options->save, r->number);
    else if (r->options->output && r->number == 1)
        snprintf(path, sizeof path, "%s", r->options->output);
    else
        return 0;
    response->file = fopen(path, "wb");
    if (response->file)
        return 0;
    snprintf(response->problem, sizeof response->problem, "can't write %.60s", path);
    return -errno;
}

static int begin(struct fetch_one *f)
{
    struct request *r = f->request;
    int error;

    r->row->start = weft_loop_time(NULL);
    if (r->url->error)
        return r->url->error; /* its name did not resolve */
    f->client = calloc(1, sizeof *f->client);
    if (!f->client)
        return -ENOMEM;
    error = client_init(f->client, r->url);
    if (!error)
        error = open_file(r, &f->client->response);
    if (!error)
        error = weft_scope_enter(&f->scope, r->options->timeout, 0);
    return error;
}

/* Takes the client's result into the row.  Returns the error, or that of closing the file. */
static int finish(struct fetch_one *f, int error)
{
    struct client *c = f->client;
    struct report_row *row = f->request->row;

    row->end = weft_loop_time(NULL);
    if (c) {
        if (c->response.file && fclose(c->response.file) != 0 && !error)
            error = -errno;
        c->response.file = NULL;
        row->status = c->response.status;
        row->bytes = c->response.bytes;
        row->answered = c->answered;
    }
    if (error)
        describe(f->request, c ? c->response.problem : NULL, error);
    return error;
}

static weft_step fetch_one(void *frame)
{
    struct fetch_one *f = frame;
    int error;

    WEFT_BEGIN(f);
    error = begin(f);
    if (error)
        WEFT_RAISE(f, finish(f, error));
    WEFT_TRY_YIELD_FROM(f, f->request->options->mode->fetch(f->client));
    error = finish(f, weft_scope_exit(&f->scope, weft_failed(f)));
    if (error)
        WEFT_RAISE(f, error);
    WEFT_END(f);
}

static void fetch_one_cleanup(void *frame)
{
    struct fetch_one *f = frame;

    if (!f->client)
        return;
    if (f->client->response.file)
        fclose(f->client->response.file);
    client_free(f->client);
    free(f->client);
}
WEFT_GEN_TYPE(fetch_one, .cleanup = fetch_one_cleanup);

/* ---- all of them ------------------------------------------------------------------------------ */

struct fetch_all {
    weft_gen gen;
    struct request *requests;
    weft_gen **calls; /* room for as many */
    size_t count, window;
};

/* Each request is a task of its own; `window` of them run at once. */
static weft_step fetch_all(void *frame)
{
    struct fetch_all *f = frame;
    const weft_result *results;

    WEFT_BEGIN(f);
    for (size_t i = 0; i < f->count; i++)
        f->calls[i] = WEFT_CALL(fetch_one, .request = &f->requests[i]);
    WEFT_AWAIT(f, weft_gather_calls(NULL, f->calls, f->count, f->window, WEFT_RETURN_ERRORS));
    results = weft_sent(f);
    for (size_t i = 0; i < f->count; i++)
        if (results[i].error && !f->requests[i].row->error[0])
            describe(&f->requests[i], NULL, results[i].error); /* it never ran */
    WEFT_END(f);
}
WEFT_GEN_TYPE(fetch_all);

/* Runs them all.  Returns 0 when all of them are over, or why it could not.  Ctrl-C cancels those that are not
 * over, and is reported with each of them. */
static int run(struct request *requests, size_t count, size_t window, double *total)
{
    weft_runner *runner = weft_runner_new();
    weft_gen **calls = calloc(count, sizeof *calls);
    weft_loop *loop;
    double begun;
    int error = -ENOMEM;

    if (runner && calls) {
        loop = weft_runner_loop(runner);
        begun = weft_loop_time(loop);
        error = weft_runner_run(runner,
                                WEFT_CALL(fetch_all, .requests = requests, .calls = calls,
                                          .count = count, .window = window),
                                NULL);
        *total = weft_loop_time(loop) - begun;
        for (size_t i = 0; i < count; i++) {
            struct report_row *row = requests[i].row;

            if (error == WEFT_EINTERRUPTED && row->end == 0)
                describe(&requests[i], NULL, WEFT_ECANCELLED);
            row->start -= row->start > 0 ? begun : 0;
            row->answered -= row->answered > 0 ? begun : 0;
            row->end -= row->end > 0 ? begun : 0;
        }
    }
    weft_runner_free(runner);
    free(calls);
    return error == WEFT_EINTERRUPTED ? 0 : error;
}

/* ---- the program ------------------------------------------------------------------------------ */

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

/* Fetches, and reports.  Returns the exit code. */
static int fetch_and_report(const struct options *options, size_t descriptors)
{
    size_t count = options->count * options->url_count;
    struct request *requests = calloc(count, sizeof *requests);
    struct report_row *rows = calloc(count, sizeof *rows);
    size_t window = descriptors > 64 ? (descriptors - 32) / (options->save ? 2 : 1) : 16;
    int error = requests && rows ? 0 : -ENOMEM, status = EXIT_SUCCESS;
    double total = 0;

    for (size_t i = 0; i < count && !error; i++) {
        requests[i] = (struct request){.options = options, .number = i + 1, .row = &rows[i]};
        requests[i].url = &options->urls[i / options->count];
        rows[i].title = requests[i].url->text;
    }
    if (!error)
        error = run(requests, count, window, &total);
    if (error) {
        print_error("the loop", error);
        status = EXIT_FAILED;
    } else {
        printf("%zu request%s, mode %s (%s)\n\n", count, count == 1 ? "" : "s", options->mode->name,
               options->mode->file);
        report_print(stdout, rows, count, total);
        for (size_t i = 0; i < count; i++)
            if (rows[i].error[0])
                status = EXIT_FAILED;
    }
    free(rows);
    free(requests);
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
        status = fetch_and_report(&options, descriptors);
    }
    if (origin.pid > 0 && origin_stop(&origin) != 0)
        status = EXIT_FAILED;
    for (size_t i = 0; i < options.url_count; i++)
        url_free(&options.urls[i]);
    free(options.urls);
    return status;
}

/* fetch: get URLs, all at once, with one of the three clients; `fetch --help` says how.
 *
 *     loop = asyncio.new_event_loop()                             weft_loop_new(NULL)
 *     tasks = [Task(Client(url).fetch()) for url in urls]         start_request
 *     loop.run_until_complete(gather(*tasks))                     weft_run_until_complete
 *     print(f'Request Times: {n}, Total Cost: {cost} seconds')    report_print
 */
#define _POSIX_C_SOURCE 200809L
#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <event2/event.h>
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
    weft_task *task; /* NULL: not started, or over */
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

struct crowd {
    struct request *requests;
    size_t count;
    size_t started, over; /* how many: the first ones */
    size_t window;        /* how many may run at once */
};

struct gather {
    weft_gen gen;
    struct crowd *crowd;
};

/* Starts what may run, and returns the first that is not over: a reference, for the await. */
static weft_future *next_of(struct crowd *c)
{
    struct request *r;

    for (; c->started < c->count && c->started - c->over < c->window; c->started++) {
        r = &c->requests[c->started];
        r->task = weft_task_new(NULL, WEFT_CALL(fetch_one, .request = r));
    }
    return weft_future_ref(c->requests[c->over].task);
}

/* They are awaited in turn, but they run at once. */
static weft_step gather(void *frame)
{
    struct gather *f = frame;
    struct crowd *c = f->crowd;
    struct request *r;

    WEFT_BEGIN(f);
    for (; c->over < c->count; c->over++) {
        WEFT_TRY_AWAIT(f, next_of(c));
        r = &c->requests[c->over];
        if (weft_failed(f) && !r->row->error[0])
            describe(r, NULL, weft_failed(f)); /* it never ran */
    }
    WEFT_END(f);
}
WEFT_GEN_TYPE(gather);

/* Ctrl-C: what is not over ends here, and is reported so. */
static void on_interrupt(evutil_socket_t number, short events, void *arg)
{
    struct crowd *c = arg;

    (void)number;
    (void)events;
    for (size_t i = c->started; i < c->count; i++)
        describe(&c->requests[i], NULL, WEFT_ECANCELLED);
    c->count = c->started;
    for (size_t i = c->over; i < c->started; i++)
        weft_future_cancel(c->requests[i].task, "interrupted");
}

/* Runs them all.  Returns 0 when all of them are over, or why it could not. */
static int run(struct crowd *crowd, struct report_row *rows, double *total)
{
    weft_loop *loop = weft_loop_new(NULL);
    struct event *interrupt;
    size_t count = crowd->count;
    double begun;
    int error;

    if (!loop)
        return -ENOMEM;
    interrupt = evsignal_new(weft_loop_base(loop), SIGINT, on_interrupt, crowd);
    if (interrupt)
        event_add(interrupt, NULL);

    begun = weft_loop_time(loop);
    error = weft_run_until_complete(loop, weft_task_new(loop, WEFT_CALL(gather, .crowd = crowd)),
                                    NULL);
    *total = weft_loop_time(loop) - begun;

    for (size_t i = 0; i < count; i++) {
        rows[i].start -= rows[i].start > 0 ? begun : 0;
        rows[i].answered -= rows[i].answered > 0 ? begun : 0;
        rows[i].end -= rows[i].end > 0 ? begun : 0;
        weft_future_unref(crowd->requests[i].task);
    }
    if (interrupt)
        event_free(interrupt);
    weft_loop_unref(loop);
    return error;
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
static int fetch_all(const struct options *options, size_t descriptors)
{
    size_t count = options->count * options->url_count;
    struct request *requests = calloc(count, sizeof *requests);
    struct report_row *rows = calloc(count, sizeof *rows);
    struct crowd crowd = {.requests = requests, .count = count};
    int error = requests && rows ? 0 : -ENOMEM, status = EXIT_SUCCESS;
    double total = 0;

    crowd.window = descriptors > 64 ? (descriptors - 32) / (options->save ? 2 : 1) : 16;
    for (size_t i = 0; i < count && !error; i++) {
        requests[i] = (struct request){.options = options, .number = i + 1, .row = &rows[i]};
        requests[i].url = &options->urls[i / options->count];
        rows[i].title = requests[i].url->text;
    }
    if (!error)
        error = run(&crowd, rows, &total);
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
        status = fetch_all(&options, descriptors);
    }
    if (origin.pid > 0 && origin_stop(&origin) != 0)
        status = EXIT_FAILED;
    for (size_t i = 0; i < options.url_count; i++)
        url_free(&options.urls[i]);
    free(options.urls);
    return status;
}

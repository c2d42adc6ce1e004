/* What the modes on weft share: a task for each request, and all of them at once.
 *
 *     loop = asyncio.new_event_loop()                             weft_runner_new()
 *     tasks = [Task(Client(url).fetch()) for url in urls]         fetch_all, fetch_one
 *     loop.run_until_complete(gather(*tasks))                     weft_gather_calls
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdlib.h>
#include "mode.h"
#include "options.h"
#include "request.h"
#include "tracer.h"

struct fetch_one {
    weft_gen gen;
    struct request *request;
    weft_scope scope;
};

static weft_step fetch_one(void *frame)
{
    struct fetch_one *f = frame;
    int error;

    WEFT_BEGIN(f);
    error = request_begin(f->request);
    if (!error)
        error = weft_scope_enter(&f->scope, f->request->options->timeout, 0);
    if (error)
        WEFT_RAISE(f, request_end(f->request, error));
    WEFT_TRY_YIELD_FROM(f, f->request->options->mode->fetch(f->request->client));
    error = request_end(f->request, weft_scope_exit(&f->scope, weft_failed(f)));
    if (error)
        WEFT_RAISE(f, error);
    WEFT_END(f);
}

static void fetch_one_cleanup(void *frame)
{
    request_drop(((struct fetch_one *)frame)->request);
}
WEFT_GEN_TYPE(fetch_one, .cleanup = fetch_one_cleanup);

struct fetch_all {
    weft_gen gen;
    struct batch *batch;
    weft_gen **calls; /* room for as many */
};

/* Each request is a task of its own; `window` of them run at once. */
static weft_step fetch_all(void *frame)
{
    struct fetch_all *f = frame;
    struct batch *batch = f->batch;
    const weft_result *results;

    WEFT_BEGIN(f);
    for (size_t i = 0; i < batch->count; i++)
        f->calls[i] = WEFT_CALL(fetch_one, .request = &batch->requests[i]);
    WEFT_AWAIT(f,
               weft_gather_calls(NULL, f->calls, batch->count, batch->window, WEFT_RETURN_ERRORS));
    results = weft_sent(f);
    for (size_t i = 0; i < batch->count; i++)
        if (results[i].error && !batch->requests[i].row->error[0])
            request_describe(&batch->requests[i], NULL, results[i].error); /* it never ran */
    WEFT_END(f);
}
WEFT_GEN_TYPE(fetch_all);

/* Ctrl-C cancels those requests that are not over: each of them says so in its row. */
int on_weft_run(struct batch *batch)
{
    weft_runner *runner = weft_runner_new();
    weft_gen **calls = calloc(batch->count, sizeof *calls);
    int error = -ENOMEM;

    if (runner && calls) {
        if (batch->tracer)
            tracer_watch(batch->tracer, weft_runner_loop(runner));
        error = weft_runner_run(runner, WEFT_CALL(fetch_all, .batch = batch, .calls = calls), NULL);
    }
    weft_runner_free(runner);
    free(calls);
    return error == WEFT_EINTERRUPTED ? 0 : error;
}

/* communicate.c - all that a child says, and how it ends: bodies that the library runs, written
 * like a user's.
 *
 *   communicate   waits for all of these at once, so that no pipe stays full
 *     feed        writes its input, and closes it
 *     read_all    its output, its errors
 *     wait        its end
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include <weft/combine.h>
#include <weft/process.h>

#include "base/alloc.h"
#include "process/process.h"

/* ---- its input ------------------------------------------------------------------------------ */

struct feed {
    weft_gen gen;
    weft_stream *stream; /* the process's: whoever made this holds it */
    const void *bytes;
    size_t size;
};

/* It does not want more: that is its own affair. */
static bool is_hangup(int error)
{
    return error == -EPIPE || error == -ECONNRESET;
}

static weft_step feed(void *frame)
{
    struct feed *f = frame;

    WEFT_BEGIN(f);
    if (f->size > 0) {
        WEFT_TRY_AWAIT(f, weft_stream_write(f->stream, f->bytes, f->size));
        if (weft_failed(f) && !is_hangup(weft_failed(f)))
            WEFT_RAISE(f, weft_failed(f));
    }
    WEFT_TRY_AWAIT(f, weft_stream_close(f->stream));
    if (weft_failed(f) && !is_hangup(weft_failed(f)))
        WEFT_RAISE(f, weft_failed(f));
    WEFT_END(f);
}
WEFT_GEN_TYPE(feed);

/* ---- all of it ------------------------------------------------------------------------------ */

struct communicate {
    weft_gen gen;
    weft_process *process; /* a reference */
    const void *input;
    size_t size;
};

void weft_output_free(weft_output *output)
{
    if (!output)
        return;
    free(output->out);
    free(output->err);
    weft__free(output, sizeof(*output));
}

static void free_output(void *output)
{
    weft_output_free(output);
}

/* Wait for the end, the output, the errors (those two if there are pipes), and the input last. */
static weft_future *start_all(const struct communicate *f)
{
    weft_stream *in = weft_process_in(f->process), *out = weft_process_out(f->process),
                *err = weft_process_err(f->process);
    weft_future *all[4] = {weft_process_wait(f->process)};
    size_t count = 1;

    if (out)
        all[count++] = weft_stream_read_all(out);
    if (err)
        all[count++] = weft_stream_read_all(err);
    if (in)
        all[count++] = weft_task_new(
            NULL, WEFT_CALL(feed, .stream = in, .bytes = f->input, .size = f->size));
    return weft_gather(NULL, all, count, 0);
}

/* Take what a stream brought; "" if there is none.  NULL without memory. */
static char *take_text(const weft_stream *stream, const weft_result *results, size_t *next,
                       size_t *size)
{
    if (!stream)
        return calloc(1, 1);
    *size = weft_stream_count(stream);
    return weft_results_take(results, (*next)++);
}

static weft_output *make_output(const struct communicate *f, const weft_result *results)
{
    weft_output *output = weft__zalloc(sizeof(*output));
    size_t next = 1;

    if (!output)
        return NULL;
    output->status = (int)weft_int(results[0].value);
    output->out = take_text(weft_process_out(f->process), results, &next, &output->out_size);
    output->err = take_text(weft_process_err(f->process), results, &next, &output->err_size);
    if (output->out && output->err)
        return output;
    weft_output_free(output);
    return NULL;
}

static weft_step communicate(void *frame)
{
    struct communicate *f = frame;
    weft_output *output;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, start_all(f));
    output = make_output(f, weft_sent(f));
    if (!output)
        WEFT_RAISE(f, -ENOMEM);
    WEFT_RETURN_OWNED(f, output, free_output);
    WEFT_END(f);
}

static void communicate_cleanup(void *frame)
{
    weft_process_unref(((struct communicate *)frame)->process);
}
WEFT_GEN_TYPE(communicate, .cleanup = communicate_cleanup);

weft_future *weft_process_communicate(weft_process *process, const void *input, size_t size)
{
    struct communicate frame = {.process = weft_process_ref(process), .input = input, .size = size};

    return weft_task_new_at(weft__process_loop(process), weft_gen_copy(&communicate_type, &frame),
                            "communicate");
}

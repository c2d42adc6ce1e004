/* call.c - calls that were asked for: weft_call_soon and its kin, and their handles.
 *
 * A call lies in a slot of the loop's table.  Its handle is the slot's number and how often the slot was
 * used: once the call has run or was cancelled, the slot's count goes up, and the old handle names nothing.
 * So a handle may be cancelled at any time, for ever: a slot whose count is at its end is not used again.  (It takes
 * some 40 seconds of nothing else to get there, and costs 80 bytes.)
 */
#include "config.h"

#include <errno.h>

#include <weft/scope.h> /* WEFT_NEVER */

#include "base/alloc.h"
#include "core/loop.h"
#include "core/round.h"

/* One more page of slots.  Errors: -ENOMEM. */
static int add_page(weft_loop *loop)
{
    struct weft__call *page;

    if (loop->calls.count == loop->calls.size) {
        uint32_t size = loop->calls.size ? loop->calls.size * 2 : 8;
        struct weft__call **pages = weft__resize(
            loop->calls.pages, loop->calls.size * sizeof(*pages), size * sizeof(*pages));

        if (!pages)
            return -ENOMEM;
        loop->calls.pages = pages;
        loop->calls.size = size;
    }
    page = weft__zalloc(WEFT__CALL_PAGE * sizeof(*page));
    if (!page)
        return -ENOMEM;
    for (uint32_t i = WEFT__CALL_PAGE; i-- > 0;) {
        page[i].index = loop->calls.count * WEFT__CALL_PAGE + i;
        page[i].next_free = loop->calls.free;
        loop->calls.free = &page[i];
    }
    loop->calls.pages[loop->calls.count++] = page;
    return 0;
}

static void release(weft_loop *loop, struct weft__call *call)
{
    loop->calls.due -= call->is_due;
    call->is_due = false;
    call->fn = NULL;
    weft__count(WEFT__COUNT_CALLS, -1);
    if (weft__unlikely(call->generation == UINT32_MAX))
        return;
    call->generation++;
    call->next_free = loop->calls.free;
    loop->calls.free = call;
}

static weft_handle handle_of(const struct weft__call *call)
{
    return (weft_handle)call->generation << 32 | (call->index + 1);
}

/* Take a slot.  Errors: -ENOMEM, WEFT_ECLOSED. */
static int take(weft_loop *loop, weft_call_fn *fn, void *arg, struct weft__call **out)
{
    struct weft__call *call;

    if (loop->closed)
        return WEFT_ECLOSED;
    if (!loop->calls.free && add_page(loop) != 0)
        return -ENOMEM;
    call = *out = loop->calls.free;
    loop->calls.free = call->next_free;
    call->node = (struct weft__node){.kind = WEFT__NODE_CALL};
    call->fn = fn;
    call->arg = arg;
    weft__count(WEFT__COUNT_CALLS, 1);
    return 0;
}

int weft_call_soon(weft_loop *loop, weft_call_fn *fn, void *arg, weft_handle *handle)
{
    struct weft__call *call;
    int error;

    loop = weft__loop_of(loop);
    error = take(loop, fn, arg, &call);
    if (handle)
        *handle = error ? 0 : handle_of(call);
    if (!error)
        weft__loop_push(loop, &call->node);
    return error;
}

static void call_due(weft_loop *loop, struct weft__timer *timer)
{
    struct weft__call *call = weft__container_of(timer, struct weft__call, timer);

    call->is_due = true;
    loop->calls.due++;
    weft__loop_push(loop, &call->node);
}

static const struct weft__timer_type call_timer = {.fire = call_due};

static int call_at(weft_loop *loop, double seconds, bool relative, weft_call_fn *fn, void *arg,
                   weft_handle *handle)
{
    struct weft__call *call;
    int64_t when;
    int error = weft__deadline(loop, seconds, relative, &when);

    if (handle)
        *handle = 0;
    if (!error)
        error = take(loop, fn, arg, &call);
    if (error)
        return error;
    error = weft__timer_add(loop, &call->timer, &call_timer, when);
    if (error) {
        release(loop, call);
        return error;
    }
    if (handle)
        *handle = handle_of(call);
    return 0;
}

int weft_call_later(weft_loop *loop, double seconds, weft_call_fn *fn, void *arg,
                    weft_handle *handle)
{
    if (seconds <= 0)
        return weft_call_soon(loop, fn, arg, handle);
    return call_at(weft__loop_of(loop), seconds, true, fn, arg, handle);
}

int weft_call_at(weft_loop *loop, double when, weft_call_fn *fn, void *arg, weft_handle *handle)
{
    return call_at(weft__loop_of(loop), when, false, fn, arg, handle);
}

void weft__call_run(weft_loop *loop, struct weft__node *node)
{
    struct weft__call *call = weft__container_of(node, struct weft__call, node);
    weft_call_fn *fn = call->fn;
    void *arg = call->arg;

    release(loop, call);
    fn(arg);
}

/* The call that a handle names, if it has not run and was not cancelled; or NULL. */
static struct weft__call *find(const weft_loop *loop, weft_handle handle)
{
    uint32_t index = (uint32_t)handle;
    struct weft__call *call;

    if (index == 0 || index > loop->calls.count * WEFT__CALL_PAGE)
        return NULL;
    index--;
    call = &loop->calls.pages[index / WEFT__CALL_PAGE][index % WEFT__CALL_PAGE];
    return call->fn && handle_of(call) == handle ? call : NULL;
}

bool weft_handle_is_pending(weft_loop *loop, weft_handle handle)
{
    return find(weft__loop_of(loop), handle) != NULL;
}

double weft_handle_when(weft_loop *loop, weft_handle handle)
{
    const struct weft__call *call;

    loop = weft__loop_of(loop);
    call = find(loop, handle);
    if (!call)
        return WEFT_NEVER;
    return call->timer.index ? weft__timer_when(loop, &call->timer) : weft_loop_time(loop);
}

bool weft_handle_cancel(weft_loop *loop, weft_handle handle)
{
    struct weft__call *call;

    loop = weft__loop_of(loop);
    call = find(loop, handle);
    if (!call)
        return false;
    if (call->node.next)
        weft__queue_remove(&call->node);
    weft__timer_remove(loop, &call->timer);
    release(loop, call);
    return true;
}

void weft__calls_close(weft_loop *loop)
{
    for (uint32_t page = 0; page < loop->calls.count; page++) {
        for (uint32_t i = 0; i < WEFT__CALL_PAGE; i++)
            if (loop->calls.pages[page][i].fn)
                weft__count(WEFT__COUNT_CALLS, -1);
        weft__free(loop->calls.pages[page], WEFT__CALL_PAGE * sizeof(struct weft__call));
    }
    weft__free(loop->calls.pages, loop->calls.size * sizeof(*loop->calls.pages));
    loop->calls.pages = NULL;
    loop->calls.free = NULL;
    loop->calls.count = loop->calls.size = 0;
    loop->calls.due = 0;
}

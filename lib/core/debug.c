/* debug.c - reports, the debug mode, and the dump. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <weft/debug.h>

#include "base/alloc.h"
#include "core/loop.h"
#include "core/round.h"

/* ---- reports ---------------------------------------------------------------------------------------------- */

static void report_to_stderr(const weft_report *report)
{
    fprintf(stderr, "weft: %s%s%s", report->message, report->subject ? ": " : "",
            report->subject ? report->subject : "");
    if (report->error)
        fprintf(stderr, ": %s (%s)", weft_strerror(report->error), weft_errname(report->error));
    fputc('\n', stderr);
}

/* The handler is the user's, and may close what the report is about.  So it is told between two callbacks. */

static void tell(weft_loop *loop, const weft_report *report)
{
    if (!loop->exception_cb || loop->reports.telling) {
        report_to_stderr(report);
        return;
    }
    loop->reports.telling = true;
    loop->exception_cb(loop, report, loop->exception_arg);
    loop->reports.telling = false;
}

/* Memory for a report with so much text; or the spare one, whose text may be cut; or NULL. */
static struct weft__pending_report *pending_new(struct weft__reports *reports, size_t length,
                                                char **text)
{
    size_t size = sizeof(struct weft__pending_report) + length;
    struct weft__pending_report *pending = weft__alloc(size);

    if (pending) {
        *pending = (struct weft__pending_report){.size = size};
        *text = (char *)(pending + 1);
        return pending;
    }
    if (reports->spare_is_used)
        return NULL;
    reports->spare_is_used = true;
    reports->spare = (struct weft__pending_report){.size = 0};
    *text = reports->spare_text;
    return &reports->spare;
}

static void pending_free(struct weft__reports *reports, struct weft__pending_report *pending)
{
    if (pending->size)
        weft__free(pending, pending->size);
    else
        reports->spare_is_used = false;
}

/* False: there is no memory. */
static bool keep(struct weft__reports *reports, const weft_report *report)
{
    size_t length = strlen(report->message) + 1;
    size_t more = report->subject ? strlen(report->subject) + 1 : 0;
    char *text;
    struct weft__pending_report *pending = pending_new(reports, length + more, &text);

    if (!pending)
        return false;
    if (!pending->size) {
        length = length < sizeof(reports->spare_text) - more ? length
                                                             : sizeof(reports->spare_text) - more;
    }
    pending->message = text;
    snprintf(text, length, "%s", report->message);
    if (more)
        pending->subject = strcpy(text + length, report->subject);
    pending->error = report->error;
    if (report->future)
        pending->future = weft_future_ref(report->future);
    if (reports->last)
        reports->last->next = pending;
    else
        reports->first = pending;
    reports->last = pending;
    return true;
}

void weft__report(weft_loop *loop, const char *message, int error, weft_future *future)
{
    char subject[256];
    weft_report report = {message, error, future, NULL};

    if (future) {
        weft_future_describe(future, subject, sizeof(subject));
        report.subject = subject;
    }
    if (loop->reports.at_once)
        tell(loop, &report);
    else if (!loop->exception_cb || loop->reports.telling || !keep(&loop->reports, &report))
        report_to_stderr(&report);
    else if (!loop->closed) {
        weft__loop_observe(loop);
        weft__loop_wake(loop);
    }
}

void weft__reports_tell(weft_loop *loop)
{
    struct weft__pending_report *pending;

    if (weft__likely(!loop->reports.first) || loop->reports.telling)
        return;
    weft__loop_hold(loop);
    while ((pending = loop->reports.first)) {
        loop->reports.first = pending->next;
        if (!pending->next)
            loop->reports.last = NULL;
        tell(loop,
             &(weft_report){pending->message, pending->error, pending->future, pending->subject});
        weft_future_unref(pending->future);
        pending_free(&loop->reports, pending);
    }
    weft__loop_observe(loop);
    weft__loop_let_go(loop);
}

void weft__reports_close(weft_loop *loop)
{
    loop->reports.at_once = true;
    weft__reports_tell(loop);
}

void weft_loop_report(weft_loop *loop, const char *message, int error, weft_future *future)
{
    weft__report(weft__loop_of(loop), message, error, future);
}

void weft_loop_set_exception_handler(weft_loop *loop, weft_exception_cb *cb, void *arg)
{
    loop = weft__loop_of(loop);
    loop->exception_cb = cb;
    loop->exception_arg = arg;
}

/* ---- the debug mode --------------------------------------------------------------------------------------- */

void weft__guard(const weft_loop *loop, const char *what, const void *object, enum weft__use how)
{
    if (what && loop->debug)
        weft__only_here(loop, what);
    if (loop->order && loop->order->use && (object || how >= WEFT__USE_ALL))
        loop->order->use(loop->order, object, how);
}

/* The last unref of a pending operation does what its type says. */
void weft__guard_unref(const weft_future *future)
{
    enum weft__use how = WEFT__USE_UNREF;

    if (future->refs == 1)
        how = weft__done(future) || future->type->tells ? WEFT__USE_WRITE : WEFT__USE_ALL;
    weft__guard(future->loop, "weft_future_unref", future->refs == WEFT__IMMORTAL ? NULL : future,
                how);
}

void weft_loop_set_debug(weft_loop *loop, bool on)
{
    loop = weft__loop_of(loop);
    loop->debug = on;
    weft__loop_observe(loop);
}

void weft__loop_observe(weft_loop *loop)
{
    loop->observed = loop->debug || loop->hooks || loop->order || loop->reports.first;
    loop->guarded = loop->debug || (loop->order && loop->order->use);
}

void weft_loop_set_hooks(weft_loop *loop, const weft_hooks *hooks, void *arg)
{
    loop = weft__loop_of(loop);
    loop->hooks = hooks;
    loop->hooks_arg = arg;
    weft__loop_observe(loop);
}

bool weft_loop_debug(const weft_loop *loop)
{
    return loop->debug;
}

void weft_loop_set_slow_limit(weft_loop *loop, double seconds)
{
    loop = weft__loop_of(loop);
    if (seconds >= 9.2e9)
        loop->slow_ns = INT64_MAX;
    else if (seconds >= 0)
        loop->slow_ns = (int64_t)(seconds * WEFT__NS);
}

/* ---- the dump --------------------------------------------------------------------------------------------- */

enum { DEPTH = 32 }; /* frames that are shown of one task: the outermost */

static void dump_frames(const struct weft__task *task, FILE *out)
{
    weft_frame_info frames[DEPTH];
    size_t depth = weft_task_stack(&task->future, frames, DEPTH);

    for (size_t i = 0; i < depth && i < DEPTH; i++) {
        fprintf(out, "  %*s%s  ", (int)(2 * i), "", frames[i].function);
        if (frames[i].site)
            fprintf(out, "%s:%d\n", frames[i].site->file, frames[i].site->line);
        else if (frames[i].state_name)
            fprintf(out, "state %s\n", frames[i].state_name);
        else if (frames[i].state == 0)
            fputs("not started\n", out);
        else
            fprintf(out, "state %d\n", frames[i].state);
    }
    if (depth > DEPTH)
        fprintf(out, "  ... and %zu more frames within\n", depth - DEPTH);
}

static void dump_task(weft_loop *loop, const struct weft__task *task, FILE *out)
{
    uint32_t now = (uint32_t)(weft__loop_now(loop) / 1000000);
    const weft_future *awaiting = weft__task_blocked_on(task);
    char name[96], what[192];

    weft_task_name(&task->future, name, sizeof(name));
    fputs(name, out);
    if (awaiting) {
        weft_future_describe(awaiting, what, sizeof(what));
        fprintf(out, "  waiting %.3f s on %s", (uint32_t)(now - task->node.since) / 1e3, what);
    } else {
        fputs(task->node.next ? "  ready" : "  running", out);
    }
    if (task->future.cancelling)
        fprintf(out, "  cancel requested at %s%s%s", task->future.where,
                task->future.reason ? ": " : "", task->future.reason ? task->future.reason : "");
    if (task->future.site)
        fprintf(out, "  (made at %s)", task->future.site);
    fputc('\n', out);
    dump_frames(task, out);
}

void weft_dump(weft_loop *loop, FILE *out)
{
    if (!loop)
        loop = weft__thread.loop;
    if (!loop) {
        fputs("no loop\n", out);
        return;
    }
    fprintf(out, "%zu task%s, %u timer%s, %zu waiting for descriptors or threads\n",
            loop->task_count, loop->task_count == 1 ? "" : "s", (unsigned)loop->heap.count,
            loop->heap.count == 1 ? "" : "s", loop->outside);
    for (const struct weft__task *task = loop->tasks; task; task = task->next)
        dump_task(loop, task, out);
    fflush(out);
}

#define _POSIX_C_SOURCE 200809L
#include "tracer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include "record.h"

enum { BUCKETS = 4096 };

/* A task that we have seen; it stays until it has exited and no one that awaits it needs to know when. */
struct life {
    struct life *next; /* in its bucket; until it has exited */
    const weft_task *task;
    uint64_t id;
    char name[64];
    unsigned refs;        /* one until it exits, and one for each that awaits it */
    double exited;        /* or 0 */
    double waits_since;   /* or 0 */
    struct life *awaited; /* if that is a task */
    char awaits[96];
    double step_begun;
    struct life *outer; /* the step that this one runs inside: an eager task's first one does */
};

struct tracer {
    FILE *file;
    double begun;
    int number;
    uint64_t last_id, last_flow;
    struct life *buckets[BUCKETS];
    struct life *stepping; /* the innermost; each holds a reference */
};

/* ---- events ------------------------------------------------------------------------------------- */

static void put_string(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(file, "\\%c", *text);
        else if ((unsigned char)*text < ' ')
            fprintf(file, "\\u%04x", (unsigned)*text);
        else
            fputc(*text, file);
    fputc('"', file);
}

/* An event without its end; `when` is on clock_now's clock.  The array's first element is not ours. */
static void put(struct tracer *t, char phase, const char *category, const char *name, double when)
{
    fprintf(t->file,
            ",\n{\"ph\":\"%c\",\"pid\":%d,\"tid\":1,\"ts\":%.3f,\"cat\":\"%s\",\"name\":", phase,
            t->number, (when - t->begun) * 1e6, category);
    put_string(t->file, name);
}

/* Ids of all modes are in one space. */
static void put_id(struct tracer *t, uint64_t id)
{
    fprintf(t->file, ",\"id\":\"0x%" PRIx64 "\"", (uint64_t)t->number << 40 | id);
}

/* ---- lives -------------------------------------------------------------------------------------- */

static struct life **find(struct tracer *t, const weft_task *task)
{
    struct life **at = &t->buckets[((uintptr_t)task >> 4) % BUCKETS];

    while (*at && (*at)->task != task)
        at = &(*at)->next;
    return at;
}

static struct life *ref(struct life *life)
{
    if (life)
        life->refs++;
    return life;
}

static void unref(struct life *life)
{
    if (life && --life->refs == 0)
        free(life);
}

static void end_life(struct tracer *t, struct life **at, double now)
{
    struct life *life = *at;

    *at = life->next;
    life->exited = now;
    put(t, 'e', "task", life->name, now);
    put_id(t, life->id);
    fputc('}', t->file);
    unref(life->awaited);
    life->awaited = NULL;
    unref(life);
}

/* ---- hooks -------------------------------------------------------------------------------------- */

static void on_spawned(weft_task *task, weft_task *parent, void *arg)
{
    struct tracer *t = arg;
    struct life *life = calloc(1, sizeof *life), **at = find(t, task);

    if (!life)
        return; /* it is missing in the picture */
    life->task = task;
    life->refs = 1;
    life->id = ++t->last_id;
    weft_task_name(task, life->name, sizeof life->name);
    life->next = *at;
    *at = life;
    put(t, 'b', "task", life->name, clock_now());
    put_id(t, life->id);
    parent = parent && *find(t, parent) ? parent : NULL;
    fprintf(t->file, ",\"args\":{\"parent\":");
    put_string(t->file, parent ? (*find(t, parent))->name : "");
    fputs("}}", t->file);
}

static void on_exited(weft_task *task, void *arg)
{
    struct tracer *t = arg;
    struct life **at = find(t, task);

    if (*at)
        end_life(t, at, clock_now());
}

static void on_waits(weft_task *task, weft_future *future, void *arg)
{
    struct tracer *t = arg;
    struct life *life = *find(t, task);

    if (!life)
        return;
    unref(life->awaited);
    life->awaited = ref(weft_is_task(future) ? *find(t, future) : NULL);
    life->waits_since = clock_now();
    weft_future_describe(future, life->awaits, sizeof life->awaits);
}

/* It was awaiting something: draw what woke it. */
static void put_wake(struct tracer *t, struct life *life, double now)
{
    double from = life->waits_since;
    uint64_t id = ++t->last_flow;

    if (life->awaited && life->awaited->exited > 0)
        from = life->awaited->exited;
    put(t, 's', "wake-up", "wake-up", from);
    put_id(t, id);
    fputs(",\"args\":{\"awaited\":", t->file);
    put_string(t->file, life->awaits);
    fputs("}}", t->file);
    put(t, 'f', "wake-up", "wake-up", now + 1e-9); /* a viewer must have seen the step begin */
    put_id(t, id);
    fputs(",\"bp\":\"e\"}", t->file);
    unref(life->awaited);
    life->awaited = NULL;
    life->waits_since = 0;
}

static void on_before_step(weft_task *task, void *arg)
{
    struct tracer *t = arg;
    struct life *life = ref(*find(t, task));

    if (!life)
        return;
    life->outer = t->stepping;
    life->step_begun = clock_now();
    t->stepping = life;
    if (life->waits_since > 0)
        put_wake(t, life, life->step_begun);
}

static void on_after_step(weft_task *task, void *arg)
{
    struct tracer *t = arg;
    struct life *life = t->stepping;

    if (!life || life->task != task) /* it may have exited, and be in no bucket */
        return;
    put(t, 'X', "step", life->name, life->step_begun);
    fprintf(t->file, ",\"dur\":%.3f}", (clock_now() - life->step_begun) * 1e6);
    t->stepping = life->outer;
    unref(life);
}

/* ---- the file ----------------------------------------------------------------------------------- */

struct tracer *tracer_open(const char *path)
{
    struct tracer *t = calloc(1, sizeof *t);

    if (!t)
        return NULL;
    t->file = fopen(path, "w");
    if (!t->file) {
        free(t);
        return NULL;
    }
    t->begun = clock_now();
    fputs("[\n{\"ph\":\"M\",\"pid\":0,\"tid\":0,\"ts\":0,\"name\":\"process_name\","
          "\"args\":{\"name\":\"fetch\"}}",
          t->file);
    if (fflush(t->file) != 0) { /* there is no room for it: known now, and not after the run */
        fclose(t->file);
        free(t);
        return NULL;
    }
    return t;
}

static void put_name(struct tracer *t, const char *what, const char *name)
{
    fprintf(t->file,
            ",\n{\"ph\":\"M\",\"pid\":%d,\"tid\":1,\"ts\":0,\"name\":\"%s\",\"args\":{\"name\":",
            t->number, what);
    put_string(t->file, name);
    fputs("}}", t->file);
}

void tracer_begin(struct tracer *t, int number, const char *name)
{
    t->number = number;
    put_name(t, "process_name", name);
    put_name(t, "thread_name", "loop");
}

void tracer_watch(struct tracer *t, weft_loop *loop)
{
    static const weft_hooks hooks = {.spawned = on_spawned,
                                     .exited = on_exited,
                                     .before_step = on_before_step,
                                     .after_step = on_after_step,
                                     .waits = on_waits};

    weft_loop_set_hooks(loop, &hooks, t);
}

int tracer_end(struct tracer *t)
{
    double now = clock_now();

    for (size_t i = 0; i < BUCKETS; i++)
        while (t->buckets[i])
            end_life(t, &t->buckets[i], now);
    return fflush(t->file) != 0 ? -errno : ferror(t->file) ? -EIO : 0;
}

int tracer_close(struct tracer *t)
{
    int error;

    if (!t)
        return 0;
    error = tracer_end(t);
    fputs("\n]\n", t->file);
    if (fclose(t->file) != 0)
        error = -errno;
    free(t);
    return error;
}

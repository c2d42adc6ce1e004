/* explore_use.c - what an event of a search uses: its footprint.
 *
 * An event is a step or a cancel.  The library tells what it uses meanwhile (weft__loop_use); what a step does to
 * its own task, and to what that awaits, is read off the task before it and after it, so that the core's hottest
 * functions say nothing.
 *
 * An object's identity is the number of its block in the run, counted by the allocator: the same in each run that came to a
 * point by the same choices, which an address is not.  What a block of this very event is used for is not noted: nobody
 * else has it.
 *
 * What is no part of the state.  The order in which steps make tasks ready: the next round runs them in every order that
 * matters.  The order in which tasks wait for a future, for the same reason.  And the order of sleeps with one
 * deadline, unless something else than a task waits for one of them (WEFT__USE_HOOK): then the search begins anew, and
 * minds it.  The order of what is ready and no task (callbacks, calls, hooks) is state: a step that queues one uses the one
 * object that all of them are.
 *
 * Callbacks, calls and hooks use everything: much of the library runs in them, which says nothing.
 *
 * Sound by default: a call of the library that does not say what it uses may use anything (weft__check_thread).  What
 * cannot be said at all is WEFT__USE_UNSEEN.
 */
#include "config.h"

#include "base/alloc.h"
#include "core/compound.h"
#include "testing/explore.h"

enum {
    USES = 1 << 16,  /* in one run; an event that finds no room uses everything */
    BLOCKS = 1 << 12 /* slots for the blocks that a run allocates */
};

/* Objects that are none of the library's blocks. */
#define TASK_NUMBERS UINT64_C(1)
#define QUEUE_OF_OTHERS UINT64_C(2)
#define OF_BLOCK (UINT64_C(1) << 60)  /* with the block's number, and the offset */
#define OF_TASK (UINT64_C(1) << 61)   /* what lies inside of a task */
#define OF_OTHERS (UINT64_C(1) << 62) /* an address of the user's, or a deadline */

struct weft__use_of {
    uint64_t object;
    enum weft__use how;
};

struct weft__block {
    const char *address;
    size_t size;
    uint32_t run, number;
};

/* ---- life ------------------------------------------------------------------------------------------------- */

bool weft__recorder_open(struct weft__recorder *recorder)
{
    recorder->uses = weft__alloc(USES * sizeof(*recorder->uses));
    recorder->blocks = weft__zalloc(BLOCKS * sizeof(*recorder->blocks));
    recorder->slots = weft__alloc(BLOCKS * sizeof(*recorder->slots));
    return recorder->uses && recorder->blocks && recorder->slots;
}

void weft__recorder_close(struct weft__recorder *recorder)
{
    weft__free(recorder->uses, USES * sizeof(*recorder->uses));
    weft__free(recorder->blocks, BLOCKS * sizeof(*recorder->blocks));
    weft__free(recorder->slots, BLOCKS * sizeof(*recorder->slots));
}

/* ---- objects ---------------------------------------------------------------------------------------------- */

/* The slot of a block, or the empty one where it would be.  At least a quarter of them is empty. */
static struct weft__block *find_block(struct weft__recorder *recorder, const void *address)
{
    size_t at = (uintptr_t)address / 16 * 2654435761u;

    for (;; at++) {
        struct weft__block *block = &recorder->blocks[at % BLOCKS];

        if (block->run != recorder->run || block->address == address)
            return block;
    }
}

static void on_block(void *address, size_t size, void *arg)
{
    struct weft__recorder *recorder = arg;
    struct weft__block *block = find_block(recorder, address);

    if (recorder->block_count == BLOCKS / 4 * 3) {
        recorder->unseen = true;
        return;
    }
    recorder->slots[recorder->block_count] = (uint16_t)(block - recorder->blocks);
    *block = (struct weft__block){
        .address = address, .size = size, .run = recorder->run, .number = ++recorder->block_count};
}

/* The block that was allocated last of those around an address, or NULL. */
static const struct weft__block *block_around(const struct weft__recorder *recorder,
                                              const char *address)
{
    for (uint32_t number = recorder->block_count; number > 0; number--) {
        const struct weft__block *block = &recorder->blocks[recorder->slots[number - 1]];

        if (block->number == number && address >= block->address &&
            address < block->address + block->size)
            return block;
    }
    return NULL;
}

/* ---- footprints ------------------------------------------------------------------------------------------- */

static void note(struct weft__recorder *recorder, uint64_t object, enum weft__use how)
{
    struct weft__footprint *footprint = recorder->footprint;

    if (footprint->all)
        return;
    for (size_t i = 0; i < footprint->count; i++)
        if (footprint->uses[i].object == object && footprint->uses[i].how == how)
            return;
    if (recorder->use_count == USES) {
        footprint->all = true;
        return;
    }
    recorder->uses[recorder->use_count++] = (struct weft__use_of){object, how};
    footprint->count++;
}

static void note_object(struct weft__recorder *recorder, const void *object, enum weft__use how)
{
    const struct weft__block *block = find_block(recorder, object);

    if (block->run != recorder->run)
        note(recorder, OF_OTHERS | (uintptr_t)object, how);
    else if (block->number <= recorder->first_block)
        note(recorder, OF_BLOCK | (uint64_t)block->number << 32, how);
}

/* The user's own memory, which may lie in a frame. */
static void note_shared(struct weft__recorder *recorder, const char *address)
{
    const struct weft__block *block = block_around(recorder, address);

    if (!block)
        note(recorder, OF_OTHERS | (uintptr_t)address, WEFT__USE_WRITE);
    else
        note(recorder,
             OF_BLOCK | (uint64_t)block->number << 32 | (uint32_t)(address - block->address + 1),
             WEFT__USE_WRITE);
}

static void note_inside(struct weft__recorder *recorder, const void *task)
{
    const struct weft__block *block = find_block(recorder, task);

    if (block->run == recorder->run && block->number <= recorder->first_block)
        note(recorder, OF_TASK | block->number, WEFT__USE_WRITE);
}

/* A task waits for a future, or has its outcome at hand. */
static void note_awaited(struct weft__recorder *recorder, const weft_future *awaited)
{
    if (!awaited || awaited->refs == WEFT__IMMORTAL)
        return;
    note_object(recorder, awaited, weft__done(awaited) ? WEFT__USE_READ : WEFT__USE_WAIT);
    if (awaited->flags & WEFT__FORWARD)
        note_object(recorder, weft__future_owner(awaited), WEFT__USE_READ);
}

/* Something else than a task waits for a future: sleeps of one deadline end in an order, then. */
static void note_hook(struct weft__recorder *recorder, const weft_future *future)
{
    if (!weft__done(future) && future->type == &weft__sleep_type && !recorder->ordered_timers)
        recorder->hooked = true;
}

void weft__record_use(struct weft__recorder *recorder, const void *object, enum weft__use how)
{
    if (!recorder->loop)
        return; /* between the steps */
    switch (how) {
    case WEFT__USE_READ:
    case WEFT__USE_UNREF:
    case WEFT__USE_WRITE:
        note_object(recorder, object, how);
        break;
    case WEFT__USE_WAIT: /* a sleep begins */
        note_object(recorder, object, recorder->ordered_timers ? WEFT__USE_WRITE : how);
        break;
    case WEFT__USE_INSIDE:
        note_inside(recorder, object);
        break;
    case WEFT__USE_SHARED:
        note_shared(recorder, object);
        break;
    case WEFT__USE_MAKE:
        note(recorder, TASK_NUMBERS, WEFT__USE_WRITE);
        break;
    case WEFT__USE_HOOK:
        note_hook(recorder, object);
        break;
    case WEFT__USE_ALL:
        recorder->footprint->all = true;
        break;
    case WEFT__USE_UNSEEN:
        recorder->unseen = true;
        break;
    }
}

static bool commute(enum weft__use a, enum weft__use b)
{
    if (a == WEFT__USE_WRITE || b == WEFT__USE_WRITE)
        return false;
    return (a == WEFT__USE_UNREF) == (b == WEFT__USE_UNREF);
}

bool weft__footprints_depend(const struct weft__footprint *a, const struct weft__footprint *b)
{
    if (a->all || b->all)
        return true;
    for (size_t i = 0; i < a->count; i++)
        for (size_t k = 0; k < b->count; k++)
            if (a->uses[i].object == b->uses[k].object && !commute(a->uses[i].how, b->uses[k].how))
                return true;
    return false;
}

/* ---- events ----------------------------------------------------------------------------------------------- */

void weft__record_begin(struct weft__recorder *recorder)
{
    recorder->run++;
    recorder->use_count = recorder->block_count = 0;
    recorder->hooked = recorder->unseen = false;
    weft__alloc_watch(on_block, recorder);
}

void weft__record_end(struct weft__recorder *recorder)
{
    recorder->loop = NULL;
    weft__alloc_watch(NULL, NULL);
}

void weft__record_open(const struct weft__recorder *recorder, struct weft__footprint *footprint)
{
    *footprint = (struct weft__footprint){.uses = recorder->uses + recorder->use_count, .all = true};
}

size_t weft__footprint_size(const struct weft__footprint *footprint)
{
    return footprint->count * sizeof(*footprint->uses);
}

/* What is ready and is no task: a step that changes this has used their queue. */
static uint64_t others_ready(const weft_loop *loop)
{
    uint64_t hash = 0;

    for (const struct weft__node *node = loop->ready.next; node != &loop->ready; node = node->next)
        if (!weft__node_is_task(node))
            hash = (hash + (uintptr_t)node) * UINT64_C(0x9e3779b97f4a7c15) + 1;
    return hash;
}

void weft__record_enter(struct weft__recorder *recorder, struct weft__footprint *footprint,
                        weft_loop *loop, struct weft__node *node)
{
    struct weft__task *task = NULL;

    if (node && weft__node_is_task(node))
        task = weft__container_of(node, struct weft__task, node);
    recorder->loop = loop;
    recorder->footprint = footprint;
    recorder->footprint->all = node && !task;
    recorder->first_block = recorder->block_count;
    recorder->others = others_ready(loop);
    recorder->task = task ? &task->future : NULL;
    if (task) {
        note_inside(recorder, task);
        note_awaited(recorder, task->awaiting);
    }
}

bool weft__record_stepped(struct weft__recorder *recorder, const weft_task *task)
{
    if (task && recorder->loop) {
        note_inside(recorder, task);
        note_awaited(recorder, weft__task(task)->awaiting);
        if (weft__done(task))
            note_object(recorder, task, WEFT__USE_WRITE);
    }
    return !task || task == recorder->task;
}

void weft__record_leave(struct weft__recorder *recorder)
{
    if (others_ready(recorder->loop) != recorder->others)
        note(recorder, QUEUE_OF_OTHERS, WEFT__USE_WRITE);
    recorder->loop = NULL;
}

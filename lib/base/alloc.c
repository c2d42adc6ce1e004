/* alloc.c - small blocks from slabs.
 *
 * A slab is 32 KB, aligned to 32 KB, and holds blocks of one size class (multiples of 16, up to 512).  So a
 * block's slab is found by masking its address, and blocks need no header.  Each thread has an arena: a
 * list of slabs with room for each class.
 *
 * Invariant: a slab is in its arena's list of its class iff it has room (or is about to be found full by
 * the next allocation, which unlinks it).
 *
 * A block that another thread frees goes to its slab's `remote` list, and the slab to its arena's `returned`
 * list, under one lock for the process: that is rare, and the owner looks there when it runs out of blocks.
 * When a thread ends, the next thread takes its arena over as it is.
 *
 * Rejected: one cache of malloc'ed blocks (a header of 16 bytes each, and twice the time for a million
 * tasks); a pool in the loop (a generator has no loop).
 */
#include "config.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define PLAIN_BUILD 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PLAIN_BUILD 1
#endif

enum {
    GRAIN = 16,
    LARGEST = 512,
    CLASSES = LARGEST / GRAIN + 1,
    SLAB_SIZE = 32768,
    SLAB_ROOM = SLAB_SIZE - 64 /* leaves malloc its own header, so that slabs lie side by side */
};

struct free_block {
    struct free_block *next;
};

struct slab {
    struct arena *owner;
    struct slab *next; /* in the arena's list of its class */
    struct slab *prev;
    struct free_block *free;
    struct free_block *remote;  /* freed by other threads; under the lock */
    struct slab *next_returned; /* in the arena's list of those with remote blocks; under the lock */
    char *fresh;                /* what was never handed out starts here */
    uint32_t used;              /* blocks handed out, remote ones included */
    uint16_t size;
    bool listed;
};

struct arena {
    struct weft__counts counts; /* first: weft__count reaches it through weft__thread */
    struct slab *slabs[CLASSES];
    _Atomic(struct slab *) returned; /* those in which other threads have freed something; under the lock */
    struct arena *next;              /* all arenas, under the lock; they are never freed */
    bool idle;                       /* its thread has ended; under the lock */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct arena *arenas;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_thread_end;
static bool plain; /* malloc for everything */

/* The one question that the fast path asks: is something else than the arena's first slab to be looked at?  True
 * for plain mode and for failing on purpose; both are set before a block is handed out, or in a test. */
static atomic_bool special;
static atomic_bool failing;
/* Told of each block, in a test. */
static void (*watch)(void *block, size_t size, void *arg);
static void *watch_arg;
static atomic_long fail_at, fail_last, fail_made;

/* ---- slabs ---------------------------------------------------------------------------------------- */

static struct slab *slab_of(void *block)
{
    return (struct slab *)(void *)((uintptr_t)block & ~(uintptr_t)(SLAB_SIZE - 1));
}

static void slab_link(struct arena *arena, struct slab *slab)
{
    struct slab **head = &arena->slabs[slab->size / GRAIN];

    slab->prev = NULL;
    slab->next = *head;
    if (*head)
        (*head)->prev = slab;
    *head = slab;
    slab->listed = true;
}

static void slab_unlink(struct arena *arena, struct slab *slab)
{
    if (slab->prev)
        slab->prev->next = slab->next;
    else
        arena->slabs[slab->size / GRAIN] = slab->next;
    if (slab->next)
        slab->next->prev = slab->prev;
    slab->listed = false;
}

/* A slab was full and in no list, or has become empty: it goes back, unless it is the class's only one. */
static void slab_relist(struct arena *arena, struct slab *slab)
{
    if (!slab->listed)
        slab_link(arena, slab);
    if (slab->used == 0 && (slab->next || slab->prev)) {
        slab_unlink(arena, slab);
        free(slab);
    }
}

/* Take back what other threads have freed. */
static void arena_collect(struct arena *arena)
{
    struct slab *slab, *next;

    pthread_mutex_lock(&lock);
    slab = arena->returned;
    arena->returned = NULL;
    for (; slab; slab = next) {
        struct free_block *block = slab->remote, *next_block;

        next = slab->next_returned;
        slab->remote = NULL;
        for (; block; block = next_block) {
            next_block = block->next;
            block->next = slab->free;
            slab->free = block;
            slab->used--;
        }
        slab_relist(arena, slab);
    }
    pthread_mutex_unlock(&lock);
}

/* The class has no block at hand: carve a fresh one, or look further, or make a slab. */
static void *slab_alloc_slow(struct arena *arena, size_t size)
{
    size_t first = (sizeof(struct slab) + GRAIN - 1) / GRAIN * GRAIN;
    struct slab *slab;

    if (atomic_load_explicit(&arena->returned, memory_order_relaxed))
        arena_collect(arena);
    while ((slab = arena->slabs[size / GRAIN])) {
        if (slab->free || slab->fresh + size <= (char *)slab + SLAB_ROOM)
            break;
        slab_unlink(arena, slab);
    }
    if (!slab) {
        void *room; /* aligned_alloc may demand a size that is a multiple of the alignment */

        if (posix_memalign(&room, SLAB_SIZE, SLAB_ROOM) != 0)
            return NULL;
        slab = room;
        slab->owner = arena;
        slab->free = slab->remote = NULL;
        slab->fresh = (char *)slab + first;
        slab->used = 0;
        slab->size = (uint16_t)size;
        slab_link(arena, slab);
    }
    slab->used++;
    if (slab->free) {
        struct free_block *block = slab->free;

        slab->free = block->next;
        return block;
    }
    slab->fresh += size;
    return slab->fresh - size;
}

/* Another thread's block. */
static void slab_free_remote(struct slab *slab, struct free_block *block)
{
    pthread_mutex_lock(&lock);
    block->next = slab->remote;
    if (!slab->remote) {
        slab->next_returned = slab->owner->returned;
        slab->owner->returned = slab;
    }
    slab->remote = block;
    pthread_mutex_unlock(&lock);
}

/* ---- arenas ------------------------------------------------------------------------------------------ */

/* A thread ends: its arena, with whatever is in it, waits for the next thread that needs one. */
static void arena_retire(void *value)
{
    struct arena *arena = value;

    pthread_mutex_lock(&lock);
    arena->idle = true;
    pthread_mutex_unlock(&lock);
    weft__thread.arena = NULL;
}

static void before_fork(void)
{
    pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
    pthread_mutex_unlock(&lock);
}

static void set_up(void)
{
    const char *how = getenv("WEFT_MALLOC");

#ifdef PLAIN_BUILD
    plain = !how || strcmp(how, "slab") !=
                        0; /* also to be asked for: so a sanitizer looks at the slabs themselves */
#else
    plain = how && strcmp(how, "plain") == 0;
#endif
    atomic_store(&special, plain || atomic_load(&failing));
    pthread_key_create(&at_thread_end, arena_retire);
    (void)pthread_atfork(before_fork, after_fork, after_fork); /* the child finds the lock free */
}

/* This thread's arena: an idle one, or a new one.  NULL without memory. */
static struct arena *arena_get(void)
{
    struct arena *arena;

    pthread_once(&once, set_up);
    pthread_mutex_lock(&lock);
    for (arena = arenas; arena && !arena->idle; arena = arena->next)
        ;
    if (!arena && (arena = calloc(1, sizeof(*arena)))) {
        arena->next = arenas;
        arenas = arena;
    }
    if (arena)
        arena->idle = false;
    pthread_mutex_unlock(&lock);
    if (arena) {
        weft__thread.arena = arena;
        pthread_setspecific(at_thread_end, arena);
    }
    return arena;
}

/* A thread's first word with the library is to free something. */
void weft__count_first(enum weft__counter what, long change)
{
    struct arena *arena = arena_get();

    if (arena)
        arena->counts.alive[what] += change;
}

void weft__counts_sum(struct weft__counts *sum)
{
    *sum = (struct weft__counts){{0}};
    pthread_mutex_lock(&lock);
    for (struct arena *arena = arenas; arena; arena = arena->next)
        for (size_t i = 0; i < WEFT__COUNTERS; i++)
            sum->alive[i] += arena->counts.alive[i];
    pthread_mutex_unlock(&lock);
}

/* ---- failing on purpose ------------------------------------------------------------------------------ */

void weft__alloc_fail(long nth, long count)
{
    atomic_store(&fail_made, 0);
    atomic_store(&fail_at, nth);
    atomic_store(&fail_last, nth > LONG_MAX - count ? LONG_MAX : nth + count - 1);
    atomic_store(&failing, nth != 0);
    atomic_store(&special, plain || nth != 0 || watch);
}

long weft__alloc_count(void)
{
    return atomic_load(&fail_made);
}

static bool fails_now(void)
{
    long made = atomic_fetch_add(&fail_made, 1) + 1;

    return made >= atomic_load(&fail_at) && made <= atomic_load(&fail_last);
}

void weft__alloc_watch(void (*made)(void *block, size_t size, void *arg), void *arg)
{
    watch = made;
    watch_arg = arg;
    atomic_store(&special, plain || made || atomic_load(&failing));
}

/* ---- what the library calls ------------------------------------------------------------------------- */

/* What the fast path does not do. */
static void *alloc_slow(size_t size)
{
    struct arena *arena = weft__thread.arena;
    void *block;

    if (atomic_load_explicit(&failing, memory_order_relaxed) && fails_now())
        return NULL;
    if (!arena && !(arena = arena_get()))
        return NULL;
    size = (size + GRAIN - 1) / GRAIN * GRAIN;
    block = size > LARGEST || plain ? malloc(size) : slab_alloc_slow(arena, size);
    if (block)
        arena->counts.alive[WEFT__COUNT_BLOCKS]++;
    if (block && watch)
        watch(block, size, watch_arg);
    return block;
}

void *weft__alloc(size_t size)
{
    struct arena *arena = weft__thread.arena;
    struct slab *slab;
    struct free_block *block;

    if (weft__unlikely(!arena || size > LARGEST ||
                       atomic_load_explicit(&special, memory_order_relaxed)))
        return alloc_slow(size);
    slab = arena->slabs[(size + GRAIN - 1) / GRAIN];
    if (weft__unlikely(!slab || !slab->free))
        return alloc_slow(size);
    block = slab->free;
    slab->free = block->next;
    slab->used++;
    arena->counts.alive[WEFT__COUNT_BLOCKS]++;
    return block;
}

void *weft__zalloc(size_t size)
{
    void *block = weft__alloc(size);

    return block ? memset(block, 0, size) : NULL;
}

void weft__free(void *block, size_t size)
{
    struct free_block *freed = block;
    struct slab *slab;

    if (weft__unlikely(!block))
        return;
    weft__count(WEFT__COUNT_BLOCKS, -1);
    if (weft__unlikely(size > LARGEST || plain)) {
        free(block);
        return;
    }
    slab = slab_of(block);
    if (weft__unlikely(slab->owner != weft__thread.arena)) {
        slab_free_remote(slab, freed);
        return;
    }
    freed->next = slab->free;
    slab->free = freed;
    if (weft__unlikely(--slab->used == 0 || !slab->listed))
        slab_relist(weft__thread.arena, slab);
}

void *weft__resize(void *block, size_t size, size_t new_size)
{
    void *new_block = weft__alloc(new_size);

    if (!new_block)
        return NULL;
    if (block)
        memcpy(new_block, block, size < new_size ? size : new_size);
    weft__free(block, size);
    return new_block;
}

char *weft__strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = weft__alloc(size);

    return copy ? memcpy(copy, text, size) : NULL;
}

bool weft__string_copy(char **to, const char *from)
{
    *to = from ? weft__strdup(from) : NULL;
    return *to || !from;
}

void weft__string_free(char *text)
{
    weft__free(text, text ? strlen(text) + 1 : 0);
}

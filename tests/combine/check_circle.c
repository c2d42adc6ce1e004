/* check_circle.c - circles of waits: a cancel ends them at the child that awaits its owner, and nobody's children outlive
 * the wait for them. */
#include <string.h>

#include "support/combine_bodies.h"

typedef weft_future *wait_fn(weft_future *future);

/* ---- ways to wait for a task (its reference is taken) ---- */

static weft_future *bare(weft_future *future)
{
    return future;
}

static weft_future *gathered(weft_future *future)
{
    return weft_gather(loop, WEFT_FUTURES(future), 0);
}

static weft_future *gathered_beside(weft_future *future)
{
    return weft_gather(loop, WEFT_FUTURES(weft_sleep(loop, 9), future, weft_sleep(loop, 8)), 0);
}

static weft_future *gathered_twice(weft_future *future)
{
    return weft_gather(loop, WEFT_FUTURES(gathered(weft_future_ref(future)), gathered(future)), 0);
}

static weft_future *waited_for(weft_future *future)
{
    return weft_wait_for(future, 100);
}

static weft_future *pass_on(weft_future *done, void *arg)
{
    (void)arg;
    return weft_future_ref(done);
}

static weft_future *and_then(weft_future *future)
{
    return weft_then(future, pass_on, NULL, NULL);
}

static weft_future *nested(weft_future *future)
{
    return waited_for(gathered(and_then(waited_for(gathered_beside(future)))));
}

static wait_fn *const ways[] = {bare,       gathered, gathered_beside, gathered_twice,
                                waited_for, and_then, nested};
enum { WAYS = sizeof(ways) / sizeof(*ways) };

/* ---- who waits ---- */

static weft_task *owner, *children[3];
static weft_future *join; /* what the owner awaits */

/* Awaits its children in a way of its own; whatever comes, they must have ended then. */
struct owner {
    weft_gen gen;
    wait_fn *wait;
    int count;
    weft_scope scope;
    double seconds; /* a deadline, or 0 */
    int error;
};

static weft_step run_owner(void *frame)
{
    struct owner *f = frame;

    WEFT_BEGIN(f);
    ck_assert_int_eq(weft_scope_enter(&f->scope, f->seconds > 0 ? f->seconds : WEFT_NEVER, 0), 0);
    join = f->count == 1 ? f->wait(weft_future_ref(children[0]))
                         : weft_gather(loop,
                                       WEFT_FUTURES(f->wait(weft_future_ref(children[0])),
                                                    f->wait(weft_future_ref(children[1])),
                                                    f->wait(weft_future_ref(children[2]))),
                                       0);
    WEFT_TRY_AWAIT(f, weft_future_ref(join));
    for (int i = 0; i < f->count; i++)
        ck_assert_msg(weft_future_is_done(children[i]), "child %d runs on", i);
    f->error = weft_scope_exit(&f->scope, weft_failed(f));
    say("o:%s,%d@%g", weft_errname(f->error), weft_task_cancelling(weft_current_task()),
        weft_loop_time(NULL));
    weft_future_unref(join);
    join = NULL;
    if (f->error && f->error != WEFT_ETIMEDOUT)
        WEFT_RAISE(f, f->error);
    WEFT_END(f);
}
static const weft_gen_type owner_type = {
    .name = "owner", .size = sizeof(struct owner), .resume = run_owner};

/* Awaits somebody, cleans up for two seconds, and says so. */
struct circler {
    weft_gen gen;
    const char *name;
    weft_task **whom;
    wait_fn *wait;
    int error;
};

static weft_step circler(void *frame)
{
    struct circler *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, f->wait(weft_future_ref(*f->whom)));
    f->error = weft_failed(f);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 2));
    say("%s%s", f->name, weft_failed(f) ? "!!" : "~");
    if (f->error)
        WEFT_RAISE(f, f->error);
    WEFT_END(f);
}
WEFT_GEN_TYPE(circler);
#define CIRCLER(...) weft_task_new(loop, WEFT_CALL(circler, __VA_ARGS__))
#define OWNER(...) \
    weft_task_new(loop, weft_gen_copy(&owner_type, &(struct owner){.gen = {0}, __VA_ARGS__}))

static void drop(int count)
{
    weft_future_unref(owner);
    for (int i = 0; i < count; i++) {
        (void)weft_future_error(children[i]);
        weft_future_unref(children[i]);
    }
}

/* What was said since `from`. */
static const char *since(size_t from)
{
    return trace() + from + (trace()[from] == ' ');
}

/* An owner and its child, each way of the one against each of the other. */
static void each_pair(void (*cancel)(void), double seconds, const char *expected)
{
    for (int i = 1; i < WAYS; i++) {
        for (int j = 0; j < WAYS; j++) {
            size_t from = strlen(trace());
            char text[64];
            double now = weft_loop_time(loop);

            children[0] = CIRCLER(.name = "c", .whom = &owner, .wait = ways[j]);
            owner = OWNER(.wait = ways[i], .count = 1, .seconds = seconds);
            weft_testing_run_until_idle(loop);
            ck_assert(!weft_future_is_done(owner));
            if (cancel)
                cancel();
            run_all();
            snprintf(text, sizeof(text), "%s@%g", expected, now + seconds + 2);
            ck_assert_msg(strcmp(since(from), text) == 0, "%d, %d: %s", i, j, since(from));
            drop(1);
        }
    }
}

static void cancel_owner(void)
{
    ck_assert(weft_future_cancel(owner, NULL));
}

static void cancel_child(void)
{
    ck_assert(weft_future_cancel(children[0], NULL));
}

static void cancel_join(void)
{
    ck_assert(weft_future_cancel(join, NULL));
}

/* 257 */
RULE(a_cancel_of_the_owner_wakes_the_child_and_the_owner_awaits_its_end)
{
    each_pair(cancel_owner, 0, "c~ o:WEFT_ECANCELLED,1");
}
END_RULE

/* 257 */
RULE(so_does_a_cancel_of_what_the_owner_awaits)
{
    for (int j = 0; j < WAYS; j++) {
        children[0] = CIRCLER(.name = "c", .whom = &owner, .wait = ways[j]);
        owner = OWNER(.wait = gathered, .count = 1);
        weft_testing_run_until_idle(loop);
        cancel_join();
        run_all();
        ck_assert(weft_future_is_cancelled(owner));
        drop(1);
    }
}
END_RULE

/* 257 */
RULE(so_does_a_cancel_of_the_child_that_awaits_the_owner_itself)
{
    children[0] = CIRCLER(.name = "c", .whom = &owner, .wait = bare);
    owner = OWNER(.wait = gathered, .count = 1);
    weft_testing_run_until_idle(loop);
    cancel_child();
    run_all();
    ck_assert_str_eq(trace(), "c~ o:WEFT_ECANCELLED,1@2");
    drop(1);
}
END_RULE

/* 257, 258, 129 */
RULE(a_deadline_of_the_owner_is_a_timeout_though_the_circle_comes_back_to_it)
{
    each_pair(NULL, 1, "c~ o:WEFT_ETIMEDOUT,0");
}
END_RULE

/* 257 */
RULE(of_children_nested_twice_the_innermost_is_woken_first)
{
    for (int i = 1; i < WAYS; i++) {
        size_t from = strlen(trace());
        char text[64];

        children[0] = CIRCLER(.name = "b", .whom = &children[1], .wait = ways[i]);
        children[1] = CIRCLER(.name = "c", .whom = &owner, .wait = ways[WAYS - i]);
        owner = OWNER(.wait = ways[i], .count = 1);
        weft_testing_run_until_idle(loop);
        snprintf(text, sizeof(text), "c~ b~ o:WEFT_ECANCELLED,1@%g", weft_loop_time(loop) + 4);
        cancel_owner();
        run_all();
        ck_assert_str_eq(since(from), text);
        drop(2);
    }
}
END_RULE

/* 257 */
RULE(children_side_by_side_are_all_woken_and_awaited)
{
    for (int i = 0; i < WAYS; i++) {
        size_t from = strlen(trace());
        char text[64];

        children[0] = CIRCLER(.name = "a", .whom = &owner, .wait = ways[i]);
        children[1] = CHILD(.name = "b", .seconds = 5);
        children[2] = CIRCLER(.name = "c", .whom = &owner, .wait = ways[i]);
        owner = OWNER(.wait = gathered, .count = 3);
        weft_testing_run_until_idle(loop);
        snprintf(text, sizeof(text), "b b! a~ c~ o:WEFT_ECANCELLED,1@%g", weft_loop_time(loop) + 2);
        cancel_owner();
        run_all();
        ck_assert_str_eq(since(from), text);
        drop(3);
    }
}
END_RULE

static weft_future *shared;

static weft_future *on_shared(weft_future *future)
{
    weft_future_unref(future);
    return weft_future_ref(shared);
}

/* 257: who shares what leads back closes a circle each */
RULE(children_at_one_gather_of_the_owner_are_all_woken)
{
    children[0] = CIRCLER(.name = "a", .whom = &owner, .wait = on_shared);
    children[1] = CIRCLER(.name = "b", .whom = &owner, .wait = on_shared);
    children[2] = CIRCLER(.name = "c", .whom = &owner, .wait = on_shared);
    owner = OWNER(.wait = bare, .count = 3);
    shared = weft_gather(loop, WEFT_FUTURES(weft_future_ref(owner)), 0);
    weft_testing_run_until_idle(loop);
    cancel_owner();
    run_all();
    ck_assert_str_eq(trace(), "a~ b~ c~ o:WEFT_ECANCELLED,1@2");
    ck_assert(weft_future_is_cancelled(shared));
    weft_future_unref(shared);
    drop(3);
}
END_RULE

/* 257 */
RULE(who_is_in_no_circle_awaits_what_it_awaits_to_its_end)
{
    weft_task *outside;

    children[0] = CIRCLER(.name = "c", .whom = &owner, .wait = bare);
    owner = OWNER(.wait = gathered, .count = 1);
    outside = CIRCLER(.name = "out", .whom = &owner, .wait = gathered);
    join = NULL;
    weft_testing_run_until_idle(loop);
    ck_assert(weft_future_cancel(outside, NULL));
    run_all();
    ck_assert_str_eq(trace(), "c~ o:WEFT_ECANCELLED,1@2 out~");
    ck_assert(weft_future_is_cancelled(outside));
    weft_future_unref(outside);
    drop(1);
}
END_RULE

/* ---- groups ---- */

struct grouper {
    weft_gen gen;
    weft_outcome outcome;
    weft_group *group;
    wait_fn *wait; /* the child's, for its owner */
    bool starts;   /* it waits until the child is ready, which it never is */
};

static int alive;

static weft_step member(void *frame)
{
    struct circler *f = frame;

    WEFT_BEGIN(f);
    alive++;
    WEFT_TRY_AWAIT(f, f->wait(weft_future_ref(owner)));
    f->error = weft_failed(f);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 2));
    alive--;
    say("m~");
    WEFT_RAISE(f, f->error);
    WEFT_END(f);
}
static const weft_gen_type member_type = {
    .name = "member", .size = sizeof(struct circler), .resume = member};

static void grouper_cleanup(void *frame)
{
    weft_group_unref(((struct grouper *)frame)->group);
}

static weft_step grouper(void *frame)
{
    struct grouper *f = frame;

    WEFT_BEGIN(f);
    f->group = weft_group_new(WEFT_FAIL_FAST);
    WEFT_TRY(f);
    ck_assert_int_eq(weft_group_enter(f->group), 0);
    if (f->starts)
        WEFT_AWAIT(f, weft_group_start(f->group, weft_gen_copy(&member_type,
                                                               &(struct circler){.wait = f->wait})));
    ck_assert_int_eq(
        weft_group_spawn(f->group, weft_gen_copy(&member_type, &(struct circler){.wait = f->wait})),
        0);
    ck_assert_int_eq(
        weft_group_spawn(f->group, weft_gen_copy(&member_type, &(struct circler){.wait = f->wait})),
        0);
    WEFT_FINALLY(f);
    WEFT_GROUP_EXIT(f, f->group);
    ck_assert_int_eq(alive, 0);
    say("g@%g", weft_loop_time(NULL));
    WEFT_END(f);
}
static const weft_gen_type grouper_type = {
    .name = "grouper", .size = sizeof(struct grouper), .resume = grouper, .cleanup = grouper_cleanup};

/* 257, 147 */
RULE(a_group_awaits_members_that_await_its_owner)
{
    for (int i = 0; i < WAYS * 2; i++) {
        size_t from = strlen(trace());
        bool starts = i % 2;
        char text[64];

        owner = weft_task_new(
            loop,
            weft_gen_copy(&grouper_type, &(struct grouper){.wait = ways[i / 2], .starts = starts}));
        weft_testing_run_until_idle(loop);
        snprintf(text, sizeof(text), "%s g@%g", starts ? "m~" : "m~ m~", weft_loop_time(loop) + 2);
        cancel_owner();
        run_all();
        ck_assert_str_eq(since(from), text);
        ck_assert(weft_future_is_cancelled(owner));
        weft_future_unref(owner);
    }
}
END_RULE

RUN_SUITE("circle", a_cancel_of_the_owner_wakes_the_child_and_the_owner_awaits_its_end,
          so_does_a_cancel_of_what_the_owner_awaits,
          so_does_a_cancel_of_the_child_that_awaits_the_owner_itself,
          a_deadline_of_the_owner_is_a_timeout_though_the_circle_comes_back_to_it,
          of_children_nested_twice_the_innermost_is_woken_first,
          children_side_by_side_are_all_woken_and_awaited,
          children_at_one_gather_of_the_owner_are_all_woken,
          who_is_in_no_circle_awaits_what_it_awaits_to_its_end,
          a_group_awaits_members_that_await_its_owner)

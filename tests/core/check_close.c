/* check_close.c - what a close does to what is alive, in which order, and what user code may do in the middle of it. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "support/harness.h"

static int ended(weft_future *future)
{
    int error = weft_future_error(future);

    weft_future_unref(future);
    return error;
}

static void never(weft_future *future, void *arg)
{
    (void)future, (void)arg;
    say("never");
}

/* A body that waits for ever; its cleanup calls `at_end` with its frame. */
struct guest {
    weft_gen gen;
    const char *name;
    void (*at_end)(struct guest *guest);
    weft_scope scope;
    struct guest *parent; /* whose frame it looks at */
    int children;         /* that have said goodbye in this frame */
    weft_future *future;  /* to be dropped by it, or NULL */
    weft_loop *loop;      /* the same */
    int fds[2];
};

static weft_step guest(void *frame)
{
    struct guest *f = frame;

    WEFT_BEGIN(f);
    if (f->scope.flags) /* asked for: flags are enter's */
        ck_assert_int_eq(weft_scope_enter(&f->scope, 5, 0), 0);
    WEFT_AWAIT(f, weft_sleep_forever(NULL));
    WEFT_END(f);
}

static void guest_cleanup(void *frame)
{
    struct guest *f = frame;

    if (f->at_end)
        f->at_end(f);
    say("%s:%d", f->name, f->children);
}
WEFT_GEN_TYPE(guest, .cleanup = guest_cleanup);

static struct guest *frame_of(weft_gen *gen)
{
    return (struct guest *)(void *)gen;
}

/* ---- the order -------------------------------------------------------------------------------------------------- */

static void say_goodbye(struct guest *guest)
{
    guest->parent->children++;
}

/* 240 */
RULE(children_are_ended_before_the_parents_whose_frames_they_look_at)
{
    weft_gen *parent = WEFT_CALL(guest, .name = "parent");

    ck_assert_int_eq(weft_spawn(loop, parent), 0);
    for (int i = 0; i < 3; i++)
        weft_spawn(loop, WEFT_CALL(guest, .name = "child", .at_end = say_goodbye,
                                   .parent = frame_of(parent)));
    run_rounds(1);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    (void)reports();
    ck_assert_str_eq(trace(), "child:0 child:0 child:0 parent:3");
}
END_RULE

/* 240: and where the parent is the younger one, its frame is still there */
RULE(no_frame_is_freed_before_the_last_cleanup_has_run)
{
    weft_gen *parent = WEFT_CALL(guest, .name = "parent");

    weft_spawn(
        loop, WEFT_CALL(guest, .name = "elder", .at_end = say_goodbye, .parent = frame_of(parent)));
    weft_spawn(loop, parent);
    run_rounds(1);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    (void)reports();
    ck_assert_str_eq(trace(), "parent:0 elder:0");
}
END_RULE

/* Delegates; its cleanup says "outer". */
struct outer {
    weft_gen gen;
    struct guest inner;
};

static weft_step outer(void *frame)
{
    struct outer *f = frame;

    WEFT_BEGIN(f);
    f->inner.name = "inner";
    weft_gen_init(&f->inner.gen, &guest_type);
    WEFT_YIELD_FROM(f, &f->inner.gen);
    WEFT_END(f);
}

static void outer_cleanup(void *frame)
{
    (void)frame;
    say("outer");
}
WEFT_GEN_TYPE(outer, .cleanup = outer_cleanup);

/* 240 */
RULE(within_a_task_the_innermost_frame_goes_first_wherever_it_lies)
{
    weft_spawn(loop, WEFT_CALL(outer));
    run_rounds(1);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    (void)reports();
    ck_assert_str_eq(trace(), "inner:0 outer");
}
END_RULE

/* ---- what is pending ends ----------------------------------------------------------------------------------------- */

/* 241 */
RULE(all_that_is_pending_ends_and_what_is_the_users_stays)
{
    weft_lock *lock = weft_lock_new(loop);
    weft_queue *queue = weft_queue_new(loop, .size = 1);
    weft_event *event = weft_event_new(loop);
    weft_semaphore *semaphore = weft_semaphore_new(loop, 0);
    weft_condition *condition = weft_condition_new(loop, lock);
    weft_future *mine = weft_future_new(loop), *own = weft_future_ref(mine);
    weft_future *pending[] = {
        weft_queue_get(queue),
        weft_event_wait(event),
        weft_semaphore_acquire(semaphore),
        weft_sleep_forever(loop),
        weft_wait_for(weft_queue_get(queue), 9),
        weft_wait_for(weft_future_ref(mine), 9),
        weft_shield(weft_event_wait(event)),
        weft_gather(loop, WEFT_FUTURES(weft_sleep_forever(loop), weft_future_ref(mine)), 0),
        weft_wait(loop, &mine, 1, WEFT_ALL, WEFT_NEVER),
    };

    ck_assert_int_eq(weft_loop_close(loop), 0);
    for (size_t i = 0; i < sizeof(pending) / sizeof(*pending); i++)
        say("%s", weft_errname(ended(pending[i])));
    ck_assert_str_eq(trace(), "WEFT_ECLOSED WEFT_ECLOSED WEFT_ECLOSED WEFT_ECLOSED WEFT_ECLOSED "
                              "WEFT_ECLOSED WEFT_ECLOSED WEFT_ECLOSED WEFT_ECLOSED");
    ck_assert(!weft_future_is_done(mine));
    ck_assert_int_eq(weft_future_set_result(mine, NULL), 0);
    weft_future_unref(mine);
    weft_future_unref(own);
    weft_condition_unref(condition);
    weft_semaphore_unref(semaphore);
    weft_event_unref(event);
    weft_queue_unref(queue);
    weft_lock_unref(lock);
}
END_RULE

static weft_condition *condition;

/* Holds the lock for ever, or waits at the condition for ever. */
struct member {
    weft_gen gen;
    bool waits;
};

static weft_step member(void *frame)
{
    struct member *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_lock_acquire(weft_condition_lock(condition)));
    if (f->waits)
        WEFT_AWAIT(f, weft_condition_wait(condition));
    WEFT_AWAIT(f, weft_sleep_forever(NULL));
    WEFT_END(f);
}
WEFT_GEN_TYPE(member);

static void ignore(weft_loop *where, const weft_report *report, void *arg)
{
    (void)where, (void)report, (void)arg;
}

/* 241: whichever of the two the loop comes to first */
RULE(waits_at_a_condition_end_though_somebody_holds_its_lock)
{
    for (int i = 0; i < 2; i++) {
        weft_lock *lock = i ? NULL : weft_lock_new(loop);

        condition = weft_condition_new(loop, lock);
        weft_lock_unref(lock);
        weft_spawn(loop, WEFT_CALL(member, .waits = true));
        weft_spawn(loop, WEFT_CALL(member));
        run_rounds(4);
        weft_loop_set_exception_handler(loop, ignore, NULL);
        ck_assert_int_eq(weft_loop_close(loop), 0);
        weft_condition_unref(condition);
        weft_loop_unref(loop);
        loop = i ? NULL : weft_loop_new(NULL);
    }
}
END_RULE

/* 241: the shield has let go of it, and nobody else can end it */
RULE(what_only_a_cancelled_shield_holds_on_to_is_not_left_behind)
{
    weft_future *shield = weft_shield(weft_wait_for(weft_sleep_forever(loop), 1e9));

    ck_assert(weft_future_cancel(shield, NULL));
    ck_assert_int_eq(ended(shield), WEFT_ECANCELLED);
    ck_assert_int_eq(weft_loop_close(loop), 0);
}
END_RULE

/* Waits in its frame for bytes that come in two parts. */
struct reading {
    weft_gen gen;
    weft_stream *stream;
    char bytes[8];
};

static weft_step reading(void *frame)
{
    struct reading *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_stream_read_exactly(f->stream, f->bytes, sizeof(f->bytes)));
    WEFT_END(f);
}
WEFT_GEN_TYPE(reading);

/* 241: what has come of it is put back, out of a frame that is still there */
RULE(a_read_that_is_half_done_is_put_back_out_of_its_frame)
{
    weft_stream *stream;
    weft_io *io;
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    ck_assert_int_eq(weft_io_new(loop, fds[0], WEFT_IO_OWNED, &io), 0);
    stream = weft_stream_new(io);
    weft_spawn(loop, WEFT_CALL(reading, .stream = stream));
    run_rounds(1);
    ck_assert_int_eq(write(fds[1], "half", 4), 4);
    run_rounds(2);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    (void)reports();
    weft_stream_free(stream);
    close(fds[1]);
}
END_RULE

/* Races two attempts, one of which has failed; the errors lie in its frame. */
static weft_step attempt(void *frame)
{
    weft_gen *f = frame;

    (void)f;
    return weft_raise(frame, -ECONNREFUSED);
}

struct attempt {
    weft_gen gen;
};
WEFT_GEN_TYPE(attempt);

struct racing {
    weft_gen gen;
    weft_gen *calls[2];
    int errors[2];
};

static weft_step racing(void *frame)
{
    struct racing *f = frame;

    WEFT_BEGIN(f);
    f->calls[0] = WEFT_CALL(guest, .name = "first");
    f->calls[1] = WEFT_CALL(attempt);
    WEFT_AWAIT(f, weft_staggered_race(NULL, f->calls, 2, 0, f->errors));
    WEFT_END(f);
}

static void racing_cleanup(void *frame)
{
    struct racing *f = frame;

    say("%s,%s", weft_errname(f->errors[0]), weft_errname(f->errors[1]));
}
WEFT_GEN_TYPE(racing, .cleanup = racing_cleanup);

/* 241: nothing is told in the middle of it */
RULE(a_race_writes_no_error_into_a_frame_that_is_about_to_go)
{
    weft_spawn(loop, WEFT_CALL(racing));
    run_rounds(3);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    (void)reports();
    ck_assert_str_eq(trace(), "first:0 WEFT_ECANCELLED,ECONNREFUSED");
}
END_RULE

/* ---- user code in the middle of it ---------------------------------------------------------------------------------- */

static void use_the_scope(struct guest *guest)
{
    ck_assert_int_eq(weft_scope_reschedule(&guest->scope, 1), WEFT_EINVALIDSTATE);
    ck_assert(!weft_scope_expired(&guest->scope));
    ck_assert_int_eq(weft_scope_exit(&guest->scope, -EIO), -EIO);
    ck_assert_int_eq(weft_scope_enter(&guest->scope, 1, 0), WEFT_ENOTASK);
}

/* 242 */
RULE(a_cleanup_may_leave_its_scope_which_was_left_for_it)
{
    weft_spawn(loop, WEFT_CALL(guest, .name = "a", .at_end = use_the_scope, .scope = {.flags = 1}));
    run_rounds(1);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    (void)reports();
    ck_assert_str_eq(trace(), "a:0");
}
END_RULE

static void drop_the_loop(struct guest *guest)
{
    weft_loop_unref(guest->loop);
}

/* 242 */
RULE(a_cleanup_may_drop_the_last_reference_on_the_loop)
{
    weft_spawn(loop, WEFT_CALL(guest, .name = "a", .at_end = drop_the_loop, .loop = loop));
    weft_spawn(loop, WEFT_CALL(guest, .name = "b"));
    run_rounds(1);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    loop = NULL;
    (void)reports();
    ck_assert_str_eq(trace(), "b:0 a:0");
}
END_RULE

/* Looks at everything, as a handler in a program would: what it is about, and what is left. */
static void look_around(weft_loop *where, const weft_report *report, void *arg)
{
    static char text[4096];
    FILE *out = fmemopen(text, sizeof(text), "w");

    (void)arg;
    weft_dump(where, out);
    fclose(out);
    weft_future_describe(report->future, text, sizeof(text));
    say("%s,%d", weft_errname(report->error), weft_future_is_done(report->future));
    say("%d", (int)weft_all_tasks(where, NULL, 0));
}

static void drop_the_future(struct guest *guest)
{
    weft_future_unref(guest->future); /* a failure that nobody read */
}

/* 242 */
RULE(a_handler_may_dump_and_describe_whatever_is_left)
{
    weft_loop_set_exception_handler(loop, look_around, NULL);
    weft_spawn(loop, WEFT_CALL(guest, .name = "b"));
    weft_spawn(loop, WEFT_CALL(guest, .name = "a", .at_end = drop_the_future,
                               .future = weft_future_new_failed(loop, -EIO)));
    run_rounds(1);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    ck_assert_str_eq(trace(), "a:0 b:0 WEFT_ECLOSED,1 0 EIO,1 0 WEFT_ECLOSED,1 0");
}
END_RULE

static void ask_for_more(struct guest *guest)
{
    weft_future *done = weft_future_new_done(guest->loop, NULL);

    ck_assert_int_eq(weft_future_add_done_callback(done, never, NULL), WEFT_ECLOSED);
    weft_future_unref(done);
    ck_assert_int_eq(weft_call_soon(guest->loop, say_call, "never", NULL), WEFT_ECLOSED);
    ck_assert_int_eq(ended(weft_sleep(guest->loop, 1)), WEFT_ECLOSED);
    ck_assert_int_eq(weft_spawn(guest->loop, WEFT_CALL(sleeper, .name = "never")), WEFT_ECLOSED);
    ck_assert_int_eq(weft_run_forever(guest->loop), WEFT_ERUNNING);
    ck_assert_int_eq(weft_loop_close(guest->loop), 0);
    ck_assert_int_eq(weft_loop_shutdown(guest->loop, 1), 0);
    weft_loop_unref(weft_loop_ref(guest->loop));
    ck_assert_ptr_eq(weft_running_loop(), guest->loop);
    ck_assert_ptr_null(weft_current_task());
}

/* 242, 82 */
RULE(a_cleanup_that_asks_for_more_is_refused)
{
    weft_spawn(loop, WEFT_CALL(guest, .name = "a", .at_end = ask_for_more, .loop = loop));
    run_rounds(1);
    ck_assert_int_eq(weft_loop_close(loop), 0);
    (void)reports();
    ck_assert_str_eq(trace(), "a:0");
}
END_RULE

static int pipes[2][2];

static void nothing(void *arg)
{
    (void)arg;
}

static weft_future *nothing_then(weft_future *done, void *arg)
{
    (void)done, (void)arg;
    return NULL;
}

static void close_pipes(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            weft_notify_closing(loop, pipes[i][j]);
            close(pipes[i][j]);
        }
}

/* 242 */
RULE(a_destructor_may_take_leave_of_descriptors_that_are_watched)
{
    weft_future *wait, *then;

    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pipe(pipes[i]), 0);
    ck_assert_int_eq(weft_add_reader(loop, pipes[0][0], nothing, NULL), 0);
    wait = weft_readable(loop, pipes[1][0]);
    then = weft_then(wait, nothing_then, NULL, close_pipes);
    weft_future_unref(weft_shield(then)); /* goes when it ends */
    ck_assert_int_eq(weft_loop_close(loop), 0);
}
END_RULE

static int told;

static void on_host(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    told++;
}

static struct event *hosts;

/* Opens a descriptor, which gets the lowest number that is free, and gives it to the host's base. */
static void open_one(void *base)
{
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    hosts = event_new(base, fds[0], EV_READ, on_host, NULL);
    ck_assert_int_eq(event_add(hosts, NULL), 0);
    ck_assert_int_eq(write(fds[1], "x", 1), 1);
    pipes[0][0] = fds[0];
    pipes[0][1] = fds[1];
}

/* 242: no number of ours is free before libevent has forgotten it */
RULE(a_descriptor_that_a_destructor_opens_is_the_hosts_alone)
{
    struct event_base *base = event_base_new();
    weft_loop *guest = weft_loop_new(base);
    weft_future *future = weft_future_new(guest);

    weft_loop_ref(guest); /* a thread may post: its wake-up is listened to */
    ck_assert_int_eq(weft_future_set_owned(future, base, open_one), 0);
    ck_assert_int_eq(weft_future_add_done_callback(future, never, NULL), 0);
    weft_future_unref(future);
    ck_assert_int_eq(weft_loop_close(guest), 0);
    weft_loop_unref(guest);
    weft_loop_unref(guest);
    event_base_loop(base, EVLOOP_ONCE);
    ck_assert_int_eq(told, 1);
    event_free(hosts);
    event_base_free(base);
    close(pipes[0][0]);
    close(pipes[0][1]);
}
END_RULE

RUN_SUITE("close", children_are_ended_before_the_parents_whose_frames_they_look_at,
          no_frame_is_freed_before_the_last_cleanup_has_run,
          within_a_task_the_innermost_frame_goes_first_wherever_it_lies,
          all_that_is_pending_ends_and_what_is_the_users_stays,
          waits_at_a_condition_end_though_somebody_holds_its_lock,
          what_only_a_cancelled_shield_holds_on_to_is_not_left_behind,
          a_read_that_is_half_done_is_put_back_out_of_its_frame,
          a_race_writes_no_error_into_a_frame_that_is_about_to_go,
          a_cleanup_may_leave_its_scope_which_was_left_for_it,
          a_cleanup_may_drop_the_last_reference_on_the_loop,
          a_handler_may_dump_and_describe_whatever_is_left, a_cleanup_that_asks_for_more_is_refused,
          a_destructor_may_take_leave_of_descriptors_that_are_watched,
          a_descriptor_that_a_destructor_opens_is_the_hosts_alone)

/* check_scope_more.c - scopes around descriptors and combinators; and in every order, with a cancel at every point. */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/combine_bodies.h"

/* ---- a late loop: what came in time wins ---------------------------------------------------------------- */

/* Awaits `what` with 3 ms to go, says "recv:something 0,1": what came, what the
 * scope made of it, and whether it expired; then says whether the
 * next await is cancelled. */
struct timed {
    weft_gen gen;
    weft_scope scope;
    const char *name;
    weft_future *what;
};

static weft_step timed(void *frame)
{
    struct timed *f = frame;
    int error;

    WEFT_BEGIN(f);
    ck_assert_int_eq(weft_scope_enter(&f->scope, 0.003, 0), 0);
    WEFT_TRY_AWAIT(f, f->what);
    error = weft_failed(f);
    if (error)
        say("%s:%s", f->name, weft_errname(error));
    else
        say("%s:%s", f->name, weft_sent(f) ? "something" : "0");
    if (!error && weft_sent_int(f) > 2 && f->name[0] == 'a')
        close((int)weft_int(weft_take(f)));
    error = weft_scope_exit(&f->scope, error);
    say("%s,%d", weft_errname(error), weft_scope_expired(&f->scope));
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 0.001));
    say("%s,%d", weft_errname(weft_failed(f)), weft_task_cancelling(weft_current_task()));
    WEFT_END(f);
}
WEFT_GEN_TYPE(timed);

static weft_io *ours, *theirs;
static weft_task *cancelled; /* also asked by others, if set */
static struct sockaddr_in addr;
static int peer;

/* The loop is late, and meanwhile something has come. */
static void be_late(void *arg)
{
    usleep(6000);
    if (arg)
        ck_assert_int_eq(write(weft_io_fd(arg), "data", 4), 4);
    else
        ck_assert_int_eq(connect(peer, (struct sockaddr *)&addr, sizeof(addr)), 0);
    if (cancelled)
        ck_assert(weft_future_cancel(cancelled, NULL));
}

static void use_real_loop(void)
{
    weft_loop_unref(loop);
    loop = weft_loop_new(NULL);
    cancelled = NULL;
}

static void pair_open(void)
{
    int fds[2];

    use_real_loop();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    ck_assert_int_eq(weft_io_new(loop, fds[0], WEFT_IO_OWNED, &ours), 0);
    ck_assert_int_eq(weft_io_new(loop, fds[1], WEFT_IO_OWNED, &theirs), 0);
}

static void pair_close(void)
{
    weft_io_close(ours);
    weft_io_close(theirs);
}

#define TIMED(...) weft_task_new(loop, WEFT_CALL(timed, __VA_ARGS__))

/* 137, 126: data, deadline and a cancel of others, all at once */
RULE(data_that_comes_with_the_deadline_and_a_cancel_is_delivered_and_the_cancel_comes_next)
{
    char bytes[4];
    weft_task *task;

    pair_open();
    task = TIMED(.name = "recv", .what = weft_sock_recv(ours, bytes, 4));
    cancelled = task;
    ck_assert_int_eq(weft_call_soon(loop, be_late, theirs, NULL), 0);
    ck_assert_int_eq(weft_run_until_complete(loop, weft_future_ref(task), NULL), 0);
    ck_assert_str_eq(trace(), "recv:something 0,0 WEFT_ECANCELLED,1");
    weft_future_unref(task);
    pair_close();
}
END_RULE

/* 137 */
RULE(a_connection_that_comes_with_the_deadline_is_accepted)
{
    socklen_t size = sizeof(addr);
    weft_io *server;
    weft_task *timer;

    use_real_loop();
    addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ck_assert_int_eq(weft_io_socket(loop, AF_INET, SOCK_STREAM, 0, &server), 0);
    ck_assert_int_eq(bind(weft_io_fd(server), (struct sockaddr *)&addr, size), 0);
    ck_assert_int_eq(listen(weft_io_fd(server), 4), 0);
    ck_assert_int_eq(getsockname(weft_io_fd(server), (struct sockaddr *)&addr, &size), 0);
    peer = socket(AF_INET, SOCK_STREAM, 0);
    timer = TIMED(.name = "accept", .what = weft_sock_accept(server));
    ck_assert_int_eq(weft_call_soon(loop, be_late, NULL, NULL), 0);
    ck_assert_int_eq(weft_run_until_complete(loop, timer, NULL), 0);
    ck_assert_str_eq(trace(),
                     "accept:something 0,0 0,0"); /* it was done before anybody saw the deadline */
    weft_io_close(server);
    close(peer);
}
END_RULE

/* 127, 137 */
RULE(so_it_is_through_two_wait_fors)
{
    char bytes[4];
    weft_task *task;

    pair_open();
    task = TIMED(.name = "recv",
                 .what = weft_wait_for(weft_wait_for(weft_sock_recv(ours, bytes, 4), 5), 6));
    ck_assert_int_eq(weft_call_soon(loop, be_late, theirs, NULL), 0);
    ck_assert_int_eq(weft_run_until_complete(loop, task, NULL), 0);
    ck_assert_str_eq(trace(), "recv:something 0,1 0,0");
    pair_close();
}
END_RULE

/* ---- around combinators ------------------------------------------------------------------------------------ */

struct scoped {
    weft_gen gen;
    weft_scope scope;
    weft_future *what;
    double seconds;
};

static weft_step scoped(void *frame)
{
    struct scoped *f = frame;

    WEFT_BEGIN(f);
    ck_assert_int_eq(weft_scope_enter(&f->scope, f->seconds, 0), 0);
    WEFT_TRY_AWAIT(f, f->what);
    say("%s@%g", weft_errname(weft_scope_exit(&f->scope, weft_failed(f))), weft_loop_time(NULL));
    ck_assert_int_eq(weft_task_cancelling(weft_current_task()), 0);
    WEFT_END(f);
}
WEFT_GEN_TYPE(scoped);
#define SCOPED(limit, future) \
    weft_task_new(loop, WEFT_CALL(scoped, .seconds = (limit), .what = (future)))

/* 129, 108 */
RULE(a_deadline_around_a_gather_awaits_all_its_children_first)
{
    ck_assert_int_eq(
        run_task(SCOPED(2, weft_gather(loop,
                                       WEFT_FUTURES(CHILD(.name = "a", .seconds = 9, .cleanup = 3),
                                                    CHILD(.name = "b", .seconds = 1)),
                                       0)),
                 NULL),
        0);
    ck_assert_str_eq(trace(), "a b b. a! a~ WEFT_ETIMEDOUT@5");
}
END_RULE

/* 132 */
RULE(a_deadline_around_a_wait_for_of_the_same_time_comes_out_as_one_timeout)
{
    ck_assert_int_eq(run_task(SCOPED(2, weft_wait_for(weft_sleep_forever(loop), 2)), NULL), 0);
    ck_assert_str_eq(trace(), "WEFT_ETIMEDOUT@2");
}
END_RULE

/* 127, 133 */
RULE(a_deadline_in_the_tick_of_a_nested_result_loses_nothing)
{
    ck_assert_int_eq(run_task(SCOPED(2, weft_wait_for(weft_sleep(loop, 2), 9)), NULL), 0);
    ck_assert_str_eq(trace(), "0@2");
}
END_RULE

/* ---- every order ------------------------------------------------------------------------------------------- */

static weft_future *cell;
static weft_task *task;
static int made, destroyed, taken, seen, left;
static bool finished;

static void unmake(void *value)
{
    (void)value;
    destroyed++;
}

/* Two scopes around an await of the cell; then another await. */
struct pair {
    weft_gen gen;
    weft_scope outer, inner;
    double seconds;
    int error;
};

static weft_step pair(void *frame)
{
    struct pair *f = frame;

    WEFT_BEGIN(f);
    ck_assert_int_eq(weft_scope_enter(&f->outer, f->seconds, 0), 0);
    ck_assert_int_eq(weft_scope_enter(&f->inner, 2, 0), 0);
    WEFT_TRY_AWAIT(f, weft_future_ref(cell));
    if (!weft_failed(f) && weft_take(f))
        taken++;
    f->error = weft_scope_exit(&f->inner, weft_failed(f));
    if (f->error == WEFT_ETIMEDOUT)
        f->error = 0; /* handled */
    f->error = weft_scope_exit(&f->outer, f->error);
    if (f->error == WEFT_ECANCELLED)
        seen++;
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 9));
    if (weft_failed(f) == WEFT_ECANCELLED)
        seen++;
    left = weft_task_cancelling(weft_current_task());
    finished = true;
    WEFT_END(f);
}
WEFT_GEN_TYPE(pair);

static weft_step setter(void *frame)
{
    struct pair *f = frame;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_sleep(NULL, 2));
    made++;
    weft_future_set_owned_unless_done(cell, f, unmake);
    WEFT_END(f);
}
static const weft_gen_type setter_type = {
    .name = "setter", .size = sizeof(struct pair), .resume = setter};

static void start(weft_explorer *explorer, void *arg)
{
    made = destroyed = taken = seen = left = 0;
    finished = false;
    cell = weft_future_new(NULL);
    task = weft_task_new(NULL, WEFT_CALL(pair, .seconds = *(double *)arg));
    weft_explore_task(explorer, task);
    ck_assert_int_eq(weft_spawn(NULL, weft_gen_copy(&setter_type, &(struct pair){.seconds = 2})), 0);
}

static const char *check(void *arg)
{
    (void)arg;
    weft_future_unref(cell);
    if (destroyed + taken != made)
        return "a value was lost, or destroyed twice";
    if (finished && !weft_future_is_cancelled(task) && left != seen)
        return "a cancel was swallowed, or came twice, or a deadline stayed on the record";
    return NULL;
}

/* 127, 129, 130, 132, 135 */
RULE(value_deadline_and_cancel_in_every_order_lose_no_value_and_no_cancel)
{
    double same = 2, later = 3, sooner = 1;

    explore(
        (weft_scenario){.start = start, .check = check, .arg = &same, .cancels = 1, .reduce = true});
    explore((weft_scenario){
        .start = start, .check = check, .arg = &later, .cancels = 1, .reduce = true});
    explore((weft_scenario){
        .start = start, .check = check, .arg = &sooner, .cancels = 1, .reduce = true});
}
END_RULE

RUN_SUITE("scope_more",
          data_that_comes_with_the_deadline_and_a_cancel_is_delivered_and_the_cancel_comes_next,
          a_connection_that_comes_with_the_deadline_is_accepted, so_it_is_through_two_wait_fors,
          a_deadline_around_a_gather_awaits_all_its_children_first,
          a_deadline_around_a_wait_for_of_the_same_time_comes_out_as_one_timeout,
          a_deadline_in_the_tick_of_a_nested_result_loses_nothing,
          value_deadline_and_cancel_in_every_order_lose_no_value_and_no_cancel)

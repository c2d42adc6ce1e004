/* check_server_end.c - servers: paths, and how all ends. */
#include <math.h>
#include <sys/un.h>

#include "net/server.h"

#include "support/server_bodies.h"

static char path[64];

static const char *fresh_path(void)
{
    snprintf(path, sizeof(path), "/tmp/weft-end-%d.sock", (int)getpid());
    unlink(path);
    return path;
}

static int path_socket(const char *name, bool listening)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(name);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    memcpy(address.sun_path, name, length);
    if (*name == '@')
        address.sun_path[0] = 0;
    length += offsetof(struct sockaddr_un, sun_path);
    if (listening) {
        ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, (socklen_t)length), 0);
        ck_assert_int_eq(listen(fd, 0), 0);
    } else {
        ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, (socklen_t)length), 0);
    }
    return fd;
}

static int start_error(weft_future *start)
{
    return weft_run_until_complete(loop, start, NULL);
}

static void send_word(int fd, const char *word)
{
    ck_assert_int_eq(write(fd, word, strlen(word)), (ssize_t)strlen(word));
}

/* ---- paths ----------------------------------------------------------------------------------------------- */

/* 195 */
RULE(a_path_is_listened_on_and_unlinked_at_the_close)
{
    weft_server *server = START(serve, NULL, .path = fresh_path());
    struct stat status;
    int fd = path_socket(path, false);

    ck_assert_int_eq(weft_server_port(server), 0);
    send_word(fd, "a\n");
    RUN_UNTIL(strstr(trace(), "+a"));
    ck_assert_int_eq(start_error(weft_start_server(loop, serve, NULL, .path = path)), -EADDRINUSE);
    ck_assert_int_eq(stat(path, &status), 0); /* it is a live one */
    weft_server_close(server);
    ck_assert_int_eq(stat(path, &status), -1);
    shutdown(fd, SHUT_WR);
    finish(server);
    close(fd);
    ck_assert_str_eq(trace(), "+a -");
}
END_RULE

/* 195 */
RULE(a_stale_socket_is_replaced_and_nothing_else_is)
{
    weft_server *server;
    int fd, fill, file;

    close(path_socket(fresh_path(), true));
    server = START(serve, NULL, .path = path);
    close(path_socket(path, false));
    finish(server);
    /* a live one whose queue is full: the start does not hang */
    fd = path_socket(path, true);
    fill = path_socket(path, false);
    ck_assert_int_eq(start_error(weft_start_server(loop, serve, NULL, .path = path)), -EADDRINUSE);
    ck_assert_int_eq(access(path, F_OK), 0);
    close(fd);
    close(fill);
    unlink(path);
    /* a regular file, and a link to a stale socket */
    file = open(path, O_CREAT | O_WRONLY, 0600);
    ck_assert_int_eq(start_error(weft_start_server(loop, serve, NULL, .path = path)), -EADDRINUSE);
    ck_assert_int_eq(access(path, F_OK), 0);
    close(file);
    unlink(path);
}
END_RULE

/* 195 */
RULE(a_path_that_is_another_servers_by_now_stays)
{
    weft_server *one = START(serve, NULL, .path = fresh_path()), *two;

    unlink(path);
    two = START(serve, NULL, .path = path);
    finish(one);
    close(path_socket(path, false)); /* the second one's is there */
    finish(two);
    ck_assert_int_eq(access(path, F_OK), -1);
}
END_RULE

/* 195 */
RULE(an_abstract_name_is_listened_on_and_a_bad_path_is_an_error)
{
    char name[200];
    weft_server *server;

    snprintf(name, sizeof(name), "@weft-end-%d", (int)getpid());
    server = START(serve, NULL, .path = name);
    close(path_socket(name, false));
    ck_assert_int_eq(start_error(weft_start_server(loop, serve, NULL, .path = name)), -EADDRINUSE);
    finish(server);
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = 0;
    ck_assert_int_eq(start_error(weft_start_server(loop, serve, NULL, .path = name)), -ENAMETOOLONG);
    ck_assert_int_eq(start_error(weft_start_server(loop, serve, NULL, .path = "")), -EINVAL);
    ck_assert_int_eq(start_error(weft_start_server(loop, serve, NULL, .path = "/no/such/folder")),
                     -ENOENT);
}
END_RULE

/* ---- closing --------------------------------------------------------------------------------------------- */

static weft_server *local_server(size_t limit)
{
    return START(serve, NULL, .host = "127.0.0.1", .limit = limit);
}

/* Start it with one connection that has said a word. */
static weft_server *server_with(int *fd)
{
    weft_server *server = local_server(0);

    *fd = plain_connect("127.0.0.1", weft_server_port(server));
    send_word(*fd, "a\n");
    RUN_UNTIL(strstr(trace(), "+a"));
    return server;
}

/* 195 */
RULE(close_stops_accepting_and_wait_closed_waits_for_the_connections)
{
    int fd;
    weft_server *server = server_with(&fd);
    weft_future *closed = weft_server_wait_closed(server), *second;

    run_rounds(3);
    ck_assert(!weft_future_is_done(closed)); /* it is not closed */
    weft_server_close(server);
    weft_server_close(server);
    ck_assert_int_eq(plain_connect("127.0.0.1", weft_server_port(server)), -ECONNREFUSED);
    send_word(fd, "b\n");
    RUN_UNTIL(strstr(trace(), "+b"));
    ck_assert(!weft_future_is_done(closed));
    second = weft_server_wait_closed(server);
    ck_assert(weft_future_cancel(second, NULL)); /* nothing happens to it */
    weft_future_unref(second);
    run_rounds(3);
    ck_assert_uint_eq(weft_server_count(server), 1);
    shutdown(fd, SHUT_WR);
    ck_assert_int_eq(run_task(closed, NULL), 0);
    ck_assert_int_eq(run_task(weft_server_wait_closed(server), NULL), 0);
    ck_assert_str_eq(trace(), "+a +b -");
    weft_server_unref(server);
    close(fd);
}
END_RULE

/* 195, 158: a failing handler is reported and others live */
RULE(a_handler_that_fails_is_reported_and_the_others_live)
{
    int fd;
    weft_server *server = server_with(&fd);
    int bad = plain_connect("127.0.0.1", weft_server_port(server));

    send_word(bad, "fail\n");
    RUN_UNTIL(has_ended(bad));
    RUN_UNTIL(strstr(reports(), "EPROTO"));
    send_word(fd, "b\n");
    RUN_UNTIL(strstr(trace(), "+b"));
    shutdown(fd, SHUT_WR);
    finish(server);
    close(fd);
    close(bad);
    ck_assert_ptr_nonnull(strstr(reports(), "task echo"));
}
END_RULE

/* 195: close_clients */
RULE(cancel_clients_closes_and_ends_every_connection)
{
    int fd, second;
    weft_server *server = server_with(&fd);

    second = plain_connect("127.0.0.1", weft_server_port(server));
    RUN_UNTIL(weft_server_count(server) == 2);
    weft_server_cancel_clients(server);
    ck_assert_int_eq(plain_connect("127.0.0.1", weft_server_port(server)), -ECONNREFUSED);
    ck_assert_int_eq(run_task(weft_server_wait_closed(server), NULL), 0);
    ck_assert(has_ended(fd) && has_ended(second));
    ck_assert_str_eq(trace(), "+a !WEFT_ECANCELLED");
    weft_server_unref(server);
    close(fd);
    close(second);
}
END_RULE

/* 195 */
RULE(the_last_unref_closes_it_and_cancels_its_connections)
{
    int fd, port;
    weft_server *server = server_with(&fd);

    port = weft_server_port(server);
    weft_server_unref(weft_server_ref(server));
    run_rounds(2);
    ck_assert(!has_ended(fd));
    weft_server_unref(server);
    weft_server_unref(NULL);
    RUN_UNTIL(has_ended(fd));
    run_rounds(4);
    ck_assert_int_eq(plain_connect("127.0.0.1", port), -ECONNREFUSED);
    ck_assert_str_eq(trace(), "+a !WEFT_ECANCELLED");
    close(fd);
}
END_RULE

/* 195 */
RULE(a_start_that_is_cancelled_or_not_taken_leaves_nothing)
{
    weft_task *start = weft_start_server(loop, serve, NULL, .host = "127.0.0.1");
    int before = open_count();

    ck_assert(weft_future_cancel(start, NULL));
    ck_assert_int_eq(run_task(start, NULL), WEFT_ECANCELLED);
    ck_assert_int_eq(open_count(), before);
    ck_assert_int_eq(start_error(weft_start_server(loop, serve, NULL, .host = "127.0.0.1")), 0);
    run_rounds(4);
    ck_assert_int_eq(open_count(), before);
    weft_future_unref(weft_start_server(loop, serve, NULL, .host = "127.0.0.1"));
    run_rounds(8);
    ck_assert_int_eq(open_count(), before);
}
END_RULE

/* ---- shutting down --------------------------------------------------------------------------------------- */

/* 195, 206 */
RULE(shutdown_waits_for_the_connections_and_tells_that_none_was_cancelled)
{
    int fd;
    weft_server *server = server_with(&fd);
    weft_future *shutdown_of;
    intptr_t cancelled = -1;

    shutdown_of = weft_server_shutdown(server, WEFT_NEVER);
    ck_assert_int_eq(plain_connect("127.0.0.1", weft_server_port(server)), -ECONNREFUSED);
    run_rounds(4);
    ck_assert(!weft_future_is_done(shutdown_of));
    send_word(fd, "b\n");
    shutdown(fd, SHUT_WR);
    ck_assert_int_eq(run_task(shutdown_of, &cancelled), 0);
    ck_assert_int_eq(cancelled, 0);
    ck_assert_str_eq(trace(), "+a +b -");
    ck_assert_int_eq(run_task(weft_server_shutdown(server, 0), &cancelled), 0); /* again */
    ck_assert_int_eq(cancelled, 0);
    weft_server_unref(server);
    close(fd);
}
END_RULE

/* 195, 206 */
RULE(shutdown_cancels_what_is_left_after_the_grace)
{
    int fd, second;
    weft_server *server;
    weft_future *shutdown_of;
    intptr_t cancelled = -1;
    double begin;

    use_real_clock();
    server = server_with(&fd);
    second = plain_connect("127.0.0.1", weft_server_port(server));
    RUN_UNTIL(weft_server_count(server) == 2);
    begin = weft_loop_time(loop);
    ck_assert_int_eq(run_task(weft_server_shutdown(server, 0.02), &cancelled), 0);
    ck_assert_double_ge(weft_loop_time(loop) - begin, 0.02);
    ck_assert_int_eq(cancelled, 2);
    ck_assert(has_ended(fd) && has_ended(second));
    ck_assert_str_eq(trace(), "+a !WEFT_ECANCELLED !WEFT_ECANCELLED");
    weft_server_unref(server);
    close(fd);
    close(second);
    server = local_server(0);
    shutdown_of = weft_server_shutdown(server, 1);
    weft_server_unref(server); /* it goes on */
    ck_assert_int_eq(run_task(shutdown_of, &cancelled), 0);
    server = local_server(0);
    ck_assert_int_eq(run_task(weft_server_shutdown(server, NAN), NULL), -EINVAL);
    weft_server_unref(server);
    run_rounds(4);
}
END_RULE

/* 195 */
RULE(a_shutdown_that_is_cancelled_leaves_the_connections_alone)
{
    int fd;
    weft_server *server = server_with(&fd);
    weft_future *shutdown_of = weft_server_shutdown(server, WEFT_NEVER);

    run_rounds(2);
    ck_assert(weft_future_cancel(shutdown_of, NULL));
    ck_assert_int_eq(run_task(shutdown_of, NULL), WEFT_ECANCELLED);
    send_word(fd, "b\n");
    RUN_UNTIL(strstr(trace(), "+b"));
    shutdown(fd, SHUT_WR);
    finish(server);
    close(fd);
}
END_RULE

/* ---- the loop ends --------------------------------------------------------------------------------------- */

/* A task that looks whether the port is closed when the loop's shutdown cancels it. */
struct looker {
    weft_gen gen;
    const int *port;
};

static weft_step looker(void *frame)
{
    struct looker *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, weft_sleep(NULL, 1000));
    say(plain_connect("127.0.0.1", *f->port) == -ECONNREFUSED ? "refused" : "open");
    WEFT_RAISE(f, weft_failed(f));
    WEFT_END(f);
}
WEFT_GEN_TYPE(looker);

/* 205, 206 [D] the order is fixed */
RULE(a_loop_that_shuts_down_closes_its_servers_first_and_then_cancels)
{
    weft_server *servers[3];
    int fd, idle, ports[2];

    weft_spawn(loop, WEFT_CALL(looker, .port = &ports[0])); /* older than all of the servers' tasks */
    servers[0] = server_with(&fd);
    servers[1] = START(serve, NULL, .path = fresh_path());
    servers[2] = local_server(1);
    idle = plain_connect("127.0.0.1", weft_server_port(servers[2]));
    RUN_UNTIL(weft_server_count(servers[2]) == 1);
    weft_server_close(servers[1]); /* the middle one of the list */
    for (int i = 0; i < 2; i++) {
        ports[i] = weft_server_port(servers[2 * i]);
        weft_spawn(loop, WEFT_CALL(looker, .port = &ports[i]));
    }
    run_rounds(2);
    ck_assert_int_eq(weft_loop_shutdown(loop, 5), 0);
    ck_assert_str_eq(trace(), "+a refused refused refused !WEFT_ECANCELLED !WEFT_ECANCELLED");
    ck_assert(has_ended(fd) && has_ended(idle));
    ck_assert_int_eq(access(path, F_OK), -1);
    for (int i = 0; i < 3; i++) {
        weft_server_close(servers[i]);
        weft_server_unref(servers[i]);
    }
    close(fd);
    close(idle);
}
END_RULE

/* 206: who cancels all tasks by hand closes the servers, too */
RULE(a_server_whose_own_task_is_cancelled_stops_accepting_before_its_connections_end)
{
    int fd;
    weft_server *server = server_with(&fd);
    weft_future *closed = weft_server_wait_closed(server);

    ck_assert(weft_future_cancel(server->keeper, NULL));
    run_rounds(1);
    ck_assert_int_eq(plain_connect("127.0.0.1", weft_server_port(server)), -ECONNREFUSED);
    ck_assert_str_eq(trace(), "+a");
    ck_assert_int_eq(run_task(closed, NULL), WEFT_ECANCELLED);
    ck_assert_str_eq(trace(), "+a !WEFT_ECANCELLED");
    weft_server_unref(server);
    run_rounds(4);
    close(fd);
}
END_RULE

/* 82, 35 */
RULE(a_loop_that_is_closed_under_a_live_server_leaves_nothing)
{
    for (size_t limit = 0; limit < 2; limit++) {
        int fd, waiting;
        weft_server *server;
        weft_future *closed;

        use_real_clock();
        server = START(serve, NULL, .path = fresh_path(), .limit = limit);
        fd = path_socket(path, false);
        waiting = path_socket(path, false);
        RUN_UNTIL(weft_server_count(server) >= 1);
        run_rounds(3);
        closed = weft_server_wait_closed(server);
        ck_assert_int_eq(weft_loop_close(loop), 0);
        ck_assert_ptr_nonnull(strstr(trace(), "a task was destroyed while it was pending"));
        ck_assert_int_eq(access(path, F_OK), -1);
        ck_assert(has_ended(fd));
        ck_assert_int_eq(weft_future_error(closed), WEFT_ECLOSED);
        weft_future_unref(closed);
        ck_assert_int_eq(run_task(weft_server_shutdown(server, 1), NULL), WEFT_ECLOSED);
        weft_server_close(server);
        weft_server_cancel_clients(server);
        weft_server_unref(server);
        close(fd);
        close(waiting);
    }
}
END_RULE

/* ---- from inside ----------------------------------------------------------------------------------------- */

static weft_server *inner;

static weft_gen *close_at_once(weft_stream *stream, void *arg)
{
    if (arg)
        weft_server_unref(inner);
    else
        weft_server_close(inner);
    return serve(stream, NULL);
}

/* 195: a connection that was accepted is served */
RULE(a_handler_may_close_or_drop_its_server)
{
    for (size_t limit = 0; limit < 2; limit++) {
        int fd;

        inner = START(close_at_once, NULL, .host = "127.0.0.1", .limit = limit);
        fd = plain_connect("127.0.0.1", weft_server_port(inner));
        send_word(fd, "a\n");
        shutdown(fd, SHUT_WR);
        ck_assert_int_eq(run_task(weft_server_wait_closed(inner), NULL), 0);
        weft_server_unref(inner);
        run_rounds(4);
        close(fd);
        inner = START(close_at_once, &inner, .host = "127.0.0.1", .limit = limit);
        fd = plain_connect("127.0.0.1", weft_server_port(inner));
        RUN_UNTIL(has_ended(fd));
        run_rounds(4);
        close(fd);
    }
    ck_assert_str_eq(trace(), "+a - +a -");
}
END_RULE

RUN_SUITE("server_end", a_path_is_listened_on_and_unlinked_at_the_close,
          a_stale_socket_is_replaced_and_nothing_else_is,
          a_path_that_is_another_servers_by_now_stays,
          an_abstract_name_is_listened_on_and_a_bad_path_is_an_error,
          close_stops_accepting_and_wait_closed_waits_for_the_connections,
          a_handler_that_fails_is_reported_and_the_others_live,
          cancel_clients_closes_and_ends_every_connection,
          the_last_unref_closes_it_and_cancels_its_connections,
          a_start_that_is_cancelled_or_not_taken_leaves_nothing,
          shutdown_waits_for_the_connections_and_tells_that_none_was_cancelled,
          shutdown_cancels_what_is_left_after_the_grace,
          a_shutdown_that_is_cancelled_leaves_the_connections_alone,
          a_loop_that_shuts_down_closes_its_servers_first_and_then_cancels,
          a_server_whose_own_task_is_cancelled_stops_accepting_before_its_connections_end,
          a_loop_that_is_closed_under_a_live_server_leaves_nothing,
          a_handler_may_close_or_drop_its_server)

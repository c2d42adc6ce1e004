/* server.c - servers: listeners, an acceptor for each, and a group for the connections.
 *
 *   keeper     opens the group, waits for the close, and exits the group: the last connection's end is its end
 *   acceptor   one for each listener: accepts, makes a stream, has the group run what handles it
 *   permit     with a limit: a hook among the waiters of each connection's task, which gives its permit back
 *
 * Invariant: the keeper is unfinished as long as the server listens or has connections.  It, the acceptors and the
 * permits pin the server; the user's references only say whether anybody can still close it.
 *
 * With a limit, an acceptor first sees that somebody is there, then gets a permit, then accepts: one that waited for a
 * connection with a permit in its hand would keep it from the other listeners.
 *
 * Rejected: a body around each handler that gives the permit back: reports would show it in the handler's place, and
 * a handler's own result would lose its destructor.  An acceptor that ends with what an accept fails with: the
 * server would be deaf, and nobody would hear of it.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weft/combine.h>
#include <weft/sync.h>
#include <weft/timer.h>

#include "base/alloc.h"
#include "io/io.h"
#include "net/server.h"

/* ---- life ------------------------------------------------------------------------------------------------ */

/* Another server may have the path by now. */
static void unlink_path(const weft_server *server)
{
    struct stat status;

    if (server->path && server->inode && lstat(server->path, &status) == 0 &&
        status.st_dev == server->device && status.st_ino == server->inode)
        unlink(server->path);
}

static void stop_listening(weft_server *server)
{
    if (server->listener_count > 0)
        unlink_path(server);
    for (size_t i = 0; i < server->listener_count; i++)
        weft_io_close(server->listeners[i]);
    server->listener_count = 0;
}

void weft__server_unpin(weft_server *server)
{
    if (--server->pins > 0)
        return;
    stop_listening(server);
    weft__free(server->listeners, server->listener_size * sizeof(*server->listeners));
    weft__string_free(server->path);
    weft_semaphore_unref(server->permits);
    weft_future_unref(server->closing);
    weft_group_unref(server->group);
    weft__free(server, sizeof(*server));
}

/* Those of a loop that listen. */
struct servers {
    struct weft__part part;
    weft_server *first;
};

static const struct weft__part_type servers_type = {.size = sizeof(struct servers)};

/* Errors: -ENOMEM. */
static int link_server(weft_server *server)
{
    struct servers *servers = weft__part_need(server->loop, &servers_type);

    if (!servers)
        return -ENOMEM;
    server->next = servers->first;
    if (server->next)
        server->next->link = &server->next;
    server->link = &servers->first;
    servers->first = server;
    return 0;
}

static void unlink_server(weft_server *server)
{
    if (!server->link)
        return;
    *server->link = server->next;
    if (server->next)
        server->next->link = server->link;
    server->link = NULL;
}

void weft_server_close(weft_server *server)
{
    weft__check_thread(server->loop, "weft_server_close");
    if (server->closed)
        return;
    server->closed = true;
    unlink_server(server);
    stop_listening(server);
    weft_future_set_result_unless_done(server->closing, NULL);
}

void weft__servers_close(weft_loop *loop)
{
    const struct servers *servers = weft__part_find(loop, &servers_type);

    while (servers && servers->first)
        weft_server_close(servers->first);
}

void weft_server_cancel_clients(weft_server *server)
{
    weft_server_close(server);
    weft_group_cancel(server->group);
}

weft_server *weft_server_ref(weft_server *server)
{
    server->users++;
    return server;
}

void weft_server_unref(weft_server *server)
{
    if (!server || --server->users > 0)
        return;
    if (server->keeper)
        weft_server_cancel_clients(server);
    weft_future_unref(server->keeper);
    server->keeper = NULL;
    weft__server_unpin(server);
}

int weft_server_port(const weft_server *server)
{
    return server->port;
}

int weft_server_fd(const weft_server *server, size_t index)
{
    return index < server->listener_count ? weft_io_fd(server->listeners[index]) : -1;
}

size_t weft_server_count(const weft_server *server)
{
    return weft_group_size(server->group);
}

/* ---- connections ----------------------------------------------------------------------------------------- */

struct permit {
    struct weft__hook hook; /* among the waiters of the connection's task */
    weft_task *task;        /* a reference */
    weft_server *server;    /* pinned */
};

static void give_back(weft_server *server)
{
    if (server->permits)
        (void)weft_semaphore_release(server->permits);
}

/* The connection's task has ended. */
static void on_client_end(struct weft__hook *hook)
{
    struct permit *permit = weft__container_of(hook, struct permit, hook);
    weft_server *server = permit->server;
    weft_task *task = permit->task;

    weft__free(permit, sizeof(*permit));
    give_back(server);
    weft_future_unref(task);
    weft__server_unpin(server);
}

/* Run a handler; it brings its permit.  Takes it, on every path. */
static int run_handler(weft_server *server, weft_gen *handler)
{
    struct permit *permit;

    if (!server->permits)
        return weft_group_spawn(server->group, handler);
    permit = weft__alloc(sizeof(*permit));
    if (!permit) {
        (void)weft_gen_close(handler);
        give_back(server);
        return -ENOMEM;
    }
    server->pins++;
    *permit = (struct permit){.hook = {.node.kind = WEFT__NODE_HOOK, .fn = on_client_end},
                              .task = weft_group_task(server->group, handler),
                              .server = server};
    if (weft_future_is_done(permit->task)) {
        int error = weft_future_error(permit->task);

        on_client_end(&permit->hook);
        return error;
    }
    weft__future_wait(permit->task, &permit->hook.node);
    return 0;
}

/* Have a connection handled; it brings its permit. */
static void handle(weft_server *server, int fd)
{
    weft_stream *stream = NULL;
    weft_gen *handler = NULL;
    weft_io *io;
    int error = weft__io_new(server->loop, fd,
                             WEFT_IO_OWNED | WEFT__IO_LEVEL | WEFT__IO_NONBLOCKING, &io);

    if (error) {
        close(fd);
    } else {
        stream = weft_stream_new(io);
        error = weft_stream_error(stream);
        handler = error ? NULL : server->fn(stream, server->arg);
    }
    if (handler) {
        error = run_handler(server, handler);
    } else {
        weft_stream_free(stream);
        give_back(server);
    }
    if (error && error != WEFT_ESHUTDOWN && error != WEFT_EINVALIDSTATE && error != WEFT_ECLOSED)
        weft__report(server->loop, "a connection was dropped", error, NULL);
}

struct acceptor {
    weft_gen gen;
    weft_server *server; /* pinned */
    size_t index;
    int error;
    bool holds; /* a permit */
};

/* With a permit, accept does not wait: if another process has taken the connection, it is -EAGAIN.  Where
 * descriptors have run out, it pauses. */
static weft_future *accept_one(struct acceptor *f)
{
    weft_io *io = f->server->listeners[f->index];
    weft_future *future;

    if (!f->holds)
        return weft_sock_accept(io);
    io->drained[READING] = false; /* somebody was there */
    future = weft_sock_accept(io);
    if (weft_future_is_done(future) || io->paused[READING])
        return future;
    weft_future_unref(future);
    return weft_future_new_failed_at(f->server->loop, -EAGAIN, NULL);
}

static void let_go(struct acceptor *f)
{
    if (f->holds)
        give_back(f->server);
    f->holds = false;
}

/* An accept has failed, and may do so again. */
static weft_future *pause_after(struct acceptor *f)
{
    if (f->error == -EAGAIN)
        return weft_sleep(f->server->loop, 0);
    weft__report(f->server->loop, "accept failed, and pauses for a second", f->error, NULL);
    return weft_wait_for(weft_shield(weft_future_ref(f->server->closing)), 1);
}

static weft_step acceptor(void *frame)
{
    struct acceptor *f = frame;

    WEFT_BEGIN(f);
    while (!f->server->closed) {
        f->error = 0;
        if (f->server->permits) {
            WEFT_TRY_AWAIT(f, weft_io_readable(f->server->listeners[f->index]));
            f->error = weft_failed(f);
        }
        if (f->server->permits && !f->error) {
            WEFT_TRY_AWAIT(f, weft_semaphore_acquire(f->server->permits));
            f->error = weft_failed(f);
            f->holds = !f->error;
        }
        if (!f->error && !f->server->closed) {
            WEFT_TRY_AWAIT(f, accept_one(f));
            f->error = weft_failed(f);
            if (!f->error) {
                f->holds = false;
                handle(f->server, (int)weft_int(weft_take(f)));
                continue;
            }
        }
        let_go(f);
        if (f->server->closed)
            break;
        if (f->error != WEFT_ECANCELLED) {
            WEFT_TRY_AWAIT(f, pause_after(f));
            f->error = weft_failed(f);
        }
        if (f->error == WEFT_ECANCELLED)
            WEFT_RAISE(f, f->error);
        if (f->error == -ENOMEM)
            WEFT_PAUSE(f);
    }
    WEFT_END(f);
}

static void acceptor_cleanup(void *frame)
{
    struct acceptor *f = frame;

    let_go(f);
    weft__server_unpin(f->server);
}
WEFT_GEN_TYPE(acceptor, .cleanup = acceptor_cleanup);

/* ---- the keeper ------------------------------------------------------------------------------------------ */

struct keeper {
    weft_gen gen;
    weft_outcome outcome;
    weft_server *server; /* pinned */
};

static weft_step keeper(void *frame)
{
    struct keeper *f = frame;
    int error;

    WEFT_BEGIN(f);
    error = weft_group_enter(f->server->group);
    if (error)
        WEFT_RAISE(f, error);
    WEFT_TRY(f);
    WEFT_AWAIT(f, weft_future_ref(f->server->closing));
    WEFT_FINALLY(f);
    weft_server_close(f->server); /* it was cancelled: the loop shuts down */
    WEFT_GROUP_EXIT(f, f->server->group);
    WEFT_END(f);
}

static void keeper_cleanup(void *frame)
{
    struct keeper *f = frame;

    weft_server_close(f->server); /* a loop that closes runs no FINALLY part */
    weft__server_unpin(f->server);
}
WEFT_GEN_TYPE(keeper, .cleanup = keeper_cleanup);

/* A generator of a server's has a pin of its own, also if it cannot be made. */
#define PINNED_CALL(body, from, ...) \
    ((from)->pins++, WEFT_CALL(body, .server = (from), __VA_ARGS__))

int weft__server_run(weft_server *server)
{
    int error;

    server->keeper = weft_task_new_eager_at(server->loop,
                                            PINNED_CALL(keeper, server, .outcome = {0}), "server");
    if (weft_future_is_done(server->keeper))
        return weft_future_error(server->keeper);
    error = link_server(server);
    for (size_t i = 0; i < server->listener_count && !error; i++)
        error = weft_spawn_at(server->loop, PINNED_CALL(acceptor, server, .index = i), "server");
    return error;
}

/* ---- the end --------------------------------------------------------------------------------------------- */

weft_future *weft_server_wait_closed(weft_server *server)
{
    return weft_shield(weft_future_ref(server->keeper));
}

struct shut_down {
    weft_gen gen;
    weft_server *server;
    weft_future *keeper;
    double seconds;
    size_t left;
};

static weft_step shut_down(void *frame)
{
    struct shut_down *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, weft_wait_for(weft_shield(weft_future_ref(f->keeper)), f->seconds));
    if (weft_failed(f) != WEFT_ETIMEDOUT) {
        if (weft_failed(f))
            WEFT_RAISE(f, weft_failed(f));
        WEFT_RETURN(f, weft_from_int(0));
    }
    f->left = weft_server_count(f->server);
    weft_server_cancel_clients(f->server);
    WEFT_AWAIT(f, weft_shield(weft_future_ref(f->keeper)));
    WEFT_RETURN(f, weft_from_int((intptr_t)f->left));
    WEFT_END(f);
}

static void shut_down_cleanup(void *frame)
{
    struct shut_down *f = frame;

    weft_future_unref(f->keeper);
    weft__server_unpin(f->server);
}
WEFT_GEN_TYPE(shut_down, .cleanup = shut_down_cleanup);

weft_future *weft_server_shutdown(weft_server *server, double seconds)
{
    weft_server_close(server);
    return weft_task_new_at(server->loop,
                            PINNED_CALL(shut_down, server, .seconds = seconds,
                                        .keeper = weft_future_ref(server->keeper)),
                            "server_shutdown");
}

// calls with arguments, arrays of futures, options: all in C++20
// prints: a0 a1 2 5 b0 b1 c0 c1 7 42 d0 d1 3 WEFT_ETIMEDOUT 0
#include <cstdio>
#include <cstring>
#include <weft.h>

struct nap {
    weft_gen gen;
    const char *name;
    double seconds;
    int i;
};

WEFT_GEN_FORWARD(nap);

static weft_step nap(void *frame)
{
    struct nap *f = static_cast<struct nap *>(frame);

    WEFT_BEGIN(f);
    for (f->i = 0; f->i < 2; f->i++) {
        WEFT_AWAIT(f, weft_sleep(NULL, f->seconds));
        std::printf("%s%d ", f->name, f->i);
    }
    WEFT_RETURN(f, weft_from_int(f->i));
    WEFT_END(f);
}
WEFT_GEN_TYPE(nap);

static int twice(void *arg, void **result)
{
    *result = weft_from_int(2 * weft_int(arg));
    return 0;
}

struct all {
    weft_gen gen;
    weft_outcome outcome;
    weft_queue *queue;
    weft_group *group;
    weft_process *process;
    const weft_result *results;
};

static weft_step all(void *frame)
{
    struct all *f = static_cast<struct all *>(frame);

    WEFT_BEGIN(f);
    f->queue = weft_queue_new(NULL, .size = 2);
    WEFT_TRY(f);
    WEFT_AWAIT(f, weft_gather(NULL,
                              WEFT_FUTURES(weft_task_new(NULL, WEFT_CALL(nap, .name = "a", .seconds = 3)),
                                           weft_sleep(NULL, 1),
                                           weft_future_new_done(NULL, weft_from_int(5))),
                              0));
    f->results = static_cast<const weft_result *>(weft_sent(f));
    std::printf("%d %d ", static_cast<int>(weft_int(f->results[0].value)),
                static_cast<int>(weft_int(f->results[2].value)));
    WEFT_AWAIT(f, weft_gather_calls(NULL,
                                    WEFT_CALLS(WEFT_CALL(nap, .name = "b", .seconds = 1),
                                               WEFT_CALL(nap, .name = "c", .seconds = 1)),
                                    1, 0));
    WEFT_PUT(f, f->queue, weft_from_int(7));
    WEFT_GET(f, f->queue);
    std::printf("%d ", static_cast<int>(weft_sent_int(f)));
    WEFT_AWAIT(f, weft_run_in_executor(NULL, NULL, .run = twice, .arg = weft_from_int(21)));
    std::printf("%d ", static_cast<int>(weft_sent_int(f)));
    WEFT_YIELD_FROM(f, WEFT_CALL(nap, .name = "d"));
    if (weft_process_start(NULL, WEFT_ARGV("sh", "-c", "exit 3"), &f->process, .in = WEFT_DEVNULL) != 0)
        WEFT_RAISE(f, WEFT_EBROKEN);
    WEFT_AWAIT(f, weft_process_wait(f->process));
    std::printf("%d ", static_cast<int>(weft_sent_int(f)));
    WEFT_AWAIT(f, weft_wait_for(weft_sleep(NULL, 5), 1));
    WEFT_FINALLY(f);
    WEFT_PAUSE(f);
    std::printf("%s ", weft_errname(f->outcome.error));
    weft_outcome_replace(&f->outcome, 0);
    WEFT_END(f);
}

static void all_cleanup(void *frame)
{
    struct all *f = static_cast<struct all *>(frame);

    weft_queue_unref(f->queue);
    weft_process_unref(f->process);
}
extern const weft_gen_type all_type;
WEFT_GEN_EXPORT(all, .cleanup = all_cleanup);

static weft_gen *serve(weft_stream *stream, void *)
{
    weft_stream_free(stream);
    return nullptr;
}

int main()
{
    weft_loop *loop = weft_loop_new(NULL);
    void *server = NULL, *io = NULL, *stream = NULL;
    char port[8];
    int error = weft_run_until_complete(loop, weft_task_new(loop, WEFT_CALL(all)), NULL);

    if (!error)
        error = weft_run_until_complete(
            loop, weft_start_server(loop, serve, NULL, .host = "127.0.0.1", .limit = 3), &server);
    std::snprintf(port, sizeof port, "%d", weft_server_port(static_cast<weft_server *>(server)));
    if (!error)
        error = weft_run_until_complete(loop, weft_open_connection(loop, "127.0.0.1", port), &stream);
    if (!error)
        error = weft_run_until_complete(loop, weft_open_datagram(loop, .local_host = "127.0.0.1"), &io);
    std::printf("%s\n", weft_errname(error));
    weft_stream_free(static_cast<weft_stream *>(stream));
    weft_server_unref(static_cast<weft_server *>(server));
    weft_io_close(static_cast<weft_io *>(io));
    error = weft_loop_shutdown(loop, 1);
    weft_loop_unref(loop);
    return error ? 1 : 0;
}

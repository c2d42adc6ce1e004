/* check_proxy.c - connections and servers over real sockets, with somebody in between who mistreats them. */
#include "support/proxy.h"

enum { BIG = 1 << 20 };

static char pattern[BIG];
static size_t pour_size;

/* Sends the pattern, then reads to the end; says how it ended. */
struct pour {
    weft_gen gen;
    weft_stream *stream;
    char rest[256];
};

static weft_step pour(void *frame)
{
    struct pour *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY_AWAIT(f, weft_stream_write(f->stream, pattern, pour_size));
    while (!weft_failed(f)) {
        WEFT_TRY_AWAIT(f, weft_stream_read(f->stream, f->rest, sizeof(f->rest)));
        if (!weft_failed(f) && weft_sent_int(f) == 0)
            break;
    }
    say("server:%s", weft_errname(weft_failed(f)));
    WEFT_END(f);
}

static void pour_cleanup(void *frame)
{
    weft_stream_free(((struct pour *)frame)->stream);
}
WEFT_GEN_TYPE(pour, .cleanup = pour_cleanup);

static weft_gen *pour_out(weft_stream *stream, void *arg)
{
    (void)arg;
    return WEFT_CALL(pour, .stream = stream);
}

static weft_server *server;
static struct proxy proxy;
static weft_stream *stream;

static void set_up(weft_client_fn *fn, size_t size, enum misdeed misdeed, size_t after)
{
    weft_future *future;
    int error;

    for (size_t i = 0; i < BIG; i++)
        pattern[i] = (char)(i * 31 + (i >> 8) + (i >> 16));
    pour_size = size;
    server = START(fn, NULL, .host = "127.0.0.1");
    proxy = proxy_start(misdeed, after, weft_server_port(server));
    future = weft_open_connection(loop, "127.0.0.1", text_of(proxy.port));
    error = weft_run_until_complete(loop, weft_future_ref(future), NULL);
    ck_assert_msg(!error, "%s", weft_errname(error));
    stream = weft_future_take(future);
    weft_future_unref(future);
}

static void tear_down(void)
{
    weft_stream_free(stream);
    proxy_end(proxy);
    finish(server);
}

/* 196, 183 */
RULE(bytes_that_trickle_one_by_one_all_arrive_in_order)
{
    char line[1024], *answer;
    void *value;

    set_up(serve, 0, TRICKLE, 1);
    for (size_t i = 0; i < sizeof(line); i++)
        line[i] = (char)('a' + i % 26);
    line[sizeof(line) - 1] = '\n';
    ck_assert_int_eq(run_task(weft_stream_write(stream, line, sizeof(line)), NULL), 0);
    ck_assert_int_eq(weft_run_until_complete(loop, weft_stream_read_line(stream), &value), 0);
    answer = value;
    ck_assert_uint_eq(weft_stream_count(stream), sizeof(line));
    ck_assert_mem_eq(answer, line, sizeof(line));
    free(answer);
    ck_assert_int_eq(weft_stream_write_eof(stream), 0);
    ck_assert_int_eq(weft_run_until_complete(loop, weft_stream_read_all(stream), &value), 0);
    ck_assert_str_eq(value, "");
    free(value);
    tear_down();
}
END_RULE

/* 196 */
RULE(a_megabyte_in_odd_pieces_arrives_intact)
{
    char *got = malloc(BIG);
    intptr_t n;

    set_up(pour_out, BIG, TRICKLE, 1237);
    ck_assert_int_eq(run_task(weft_stream_read_exactly(stream, got, BIG), &n), 0);
    ck_assert_int_eq(n, BIG);
    ck_assert_int_eq(memcmp(got, pattern, BIG), 0);
    free(got);
    ck_assert_int_eq(run_task(weft_stream_close(stream), NULL), 0);
    RUN_UNTIL(strstr(trace(), "server:0"));
    tear_down();
}
END_RULE

/* 184: incomplete, with what came */
RULE(an_early_end_is_INCOMPLETE_with_the_bytes_that_came)
{
    static char got[8000];

    set_up(pour_out, 8000, TRUNCATE, 5000);
    ck_assert_int_eq(run_task(weft_stream_read_exactly(stream, got, 8000), NULL), WEFT_EINCOMPLETE);
    ck_assert_uint_eq(weft_stream_count(stream), 5000);
    ck_assert_mem_eq(got, pattern, 5000);
    ck_assert(weft_stream_at_eof(stream));
    ck_assert_int_eq(weft_stream_error(stream), 0); /* an end is no failure */
    tear_down();
}
END_RULE

/* 188: an error stays; 195: and the server lives */
RULE(a_reset_is_ECONNRESET_after_the_bytes_that_came_and_stays)
{
    static char got[5000];
    int fd;

    set_up(pour_out, 8000, RESET, 5000);
    ck_assert_int_eq(run_task(weft_stream_read_exactly(stream, got, 5000), NULL), 0);
    ck_assert_mem_eq(got, pattern, 5000);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(run_task(weft_stream_read(stream, got, 1), NULL), -ECONNRESET);
    ck_assert_int_eq(weft_stream_error(stream), -ECONNRESET);
    ck_assert_int_eq(run_task(weft_stream_write(stream, "x", 1), NULL), -ECONNRESET);
    RUN_UNTIL(strstr(trace(), "server:ECONNRESET"));
    fd = plain_connect("127.0.0.1", weft_server_port(server));
    RUN_UNTIL(weft_server_count(server) == 1);
    close(fd);
    tear_down();
}
END_RULE

/* 137, 138: a deadline around a read loses nothing */
RULE(a_stall_runs_into_the_timeout_and_the_bytes_that_came_can_still_be_read)
{
    static char got[8000];
    void *value;

    use_real_clock();
    set_up(pour_out, 8000, STALL, 5000);
    ck_assert_int_eq(run_task(weft_wait_for(weft_stream_read_exactly(stream, got, 8000), 0.05), NULL),
                     WEFT_ETIMEDOUT);
    memset(got, 0, sizeof(got));
    ck_assert_int_eq(run_task(weft_stream_read_exactly(stream, got, 5000), NULL), 0);
    ck_assert_mem_eq(got, pattern, 5000);
    ck_assert_int_eq(run_task(weft_wait_for(weft_stream_read_line(stream), 0.01), NULL),
                     WEFT_ETIMEDOUT);
    kill(proxy.pid, SIGKILL); /* its sockets close */
    value = NULL;
    switch (weft_run_until_complete(loop, weft_stream_read_all(stream), &value)) {
    case 0:
        ck_assert_str_eq(value, "");
        free(value);
        break;
    case -ECONNRESET: /* what the server had sent was unread */
        break;
    default:
        ck_abort();
    }
    tear_down();
}
END_RULE

/* 206: a stalled peer holds nothing up for longer than the grace */
RULE(a_server_whose_peer_stalls_is_shut_down_after_the_grace)
{
    intptr_t cancelled;

    use_real_clock();
    set_up(pour_out, BIG, STALL, 100);
    RUN_UNTIL(weft_server_count(server) == 1);
    ck_assert_int_eq(run_task(weft_server_shutdown(server, 0.03), &cancelled), 0);
    ck_assert_int_eq(cancelled, 1);
    ck_assert_str_eq(trace(), "server:WEFT_ECANCELLED");
    tear_down();
}
END_RULE

RUN_SUITE("proxy", bytes_that_trickle_one_by_one_all_arrive_in_order,
          a_megabyte_in_odd_pieces_arrives_intact,
          an_early_end_is_INCOMPLETE_with_the_bytes_that_came,
          a_reset_is_ECONNRESET_after_the_bytes_that_came_and_stays,
          a_stall_runs_into_the_timeout_and_the_bytes_that_came_can_still_be_read,
          a_server_whose_peer_stalls_is_shut_down_after_the_grace)

/* The client.
 *
 *     async def talk(reader, writer):                 struct talk { weft_gen gen; ... };
 *         for message in messages:
 *             writer.write(message)                       weft_stream_post(f->stream, ...);
 *             answer = await reader.readexactly(          WEFT_AWAIT(f, weft_stream_read_exactly(...));
 *                 len(message))
 *             assert answer == message.upper()            check(f);
 *         writer.write_eof()                              weft_stream_write_eof(f->stream);
 *         assert await reader.read(1) == b''              WEFT_AWAIT(f, weft_stream_read(..., 1));
 *
 *     async with asyncio.timeout(30):                 weft_scope_enter(&f->scope, 30, 0);
 *         await talk(...)                             WEFT_TRY_YIELD_FROM(f, WEFT_CALL(talk, ...));
 *     await asyncio.gather(*[connection(i) ...])      WEFT_AWAIT(f, weft_gather_calls(...));
 *
 * A message is written without waiting for room: the stream sends the rest while we read.  Who wrote to
 * the end first, and read then, would wait for ever with a long message: a server that blocks in send does
 * not receive.
 *
 * All connections are made at once, also to a server that serves one at a time: the others are accepted by
 * the system, their first messages lie there, and each has its turn when the one before it has ended.
 */
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "upper.h"

enum { MOST_LINES = 10 }; /* about failures */

/* ---- messages --------------------------------------------------------------------------------- */

/* splitmix64: one step of it, from any state, is random enough. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

struct talk {
    weft_gen gen;
    const struct load *load;
    struct tally *tally;
    size_t number; /* of the connection */
    char *problem; /* what is wrong, if the error does not say it */
    size_t problem_size;
    weft_stream *stream;
    uint64_t random;
    size_t i, size;    /* the message; its size */
    char *sent, *back; /* room for the largest */
};

static int begin(struct talk *f)
{
    size_t room = f->load->size + sizeof f->random; /* it is made in pieces of that size */

    f->random = f->load->seed << 32 ^ f->number;
    f->sent = malloc(room);
    f->back = malloc(room);
    return f->sent && f->back ? 0 : -ENOMEM;
}

static int send_next(struct talk *f)
{
    uint64_t piece;

    f->size = 1 + next_random(&f->random) % f->load->size;
    for (size_t i = 0; i < f->size; i += sizeof piece) {
        piece = next_random(&f->random);
        memcpy(f->sent + i, &piece, sizeof piece);
    }
    return weft_stream_post(f->stream, f->sent, f->size);
}

/* Compares what came back. */
static int check(struct talk *f)
{
    size_t at = 0;

    upper(f->sent, f->size);
    if (memcmp(f->sent, f->back, f->size) == 0) {
        f->tally->messages++;
        f->tally->bytes += f->size;
        return 0;
    }
    while (f->sent[at] == f->back[at])
        at++;
    snprintf(f->problem, f->problem_size, "message %zu: byte %zu of %zu is 0x%02x and not 0x%02x",
             f->i + 1, at + 1, f->size, (unsigned char)f->back[at], (unsigned char)f->sent[at]);
    return -EBADMSG;
}

/* ---- one connection --------------------------------------------------------------------------- */

static weft_step talk(void *frame)
{
    struct talk *f = frame;
    int error;

    WEFT_BEGIN(f);
    error = begin(f);
    if (error)
        WEFT_RAISE(f, error);
    WEFT_AWAIT(f, weft_open_connection(NULL, f->load->host, f->load->service, .delay = 0));
    f->stream = weft_take(f);
    for (f->i = 0; f->i < f->load->messages; f->i++) {
        error = send_next(f);
        if (error)
            WEFT_RAISE(f, error);
        WEFT_TRY_AWAIT(f, weft_stream_read_exactly(f->stream, f->back, f->size));
        if (weft_failed(f) == WEFT_EINCOMPLETE)
            snprintf(f->problem, f->problem_size, "message %zu: ended after %zu of %zu bytes",
                     f->i + 1, weft_stream_count(f->stream), f->size);
        error = weft_failed(f) ? weft_failed(f) : check(f);
        if (error)
            WEFT_RAISE(f, error);
    }
    error = weft_stream_write_eof(f->stream);
    if (error)
        WEFT_RAISE(f, error);
    WEFT_AWAIT(f, weft_stream_read(f->stream, f->back, 1));
    if (weft_sent_int(f) != 0) {
        snprintf(f->problem, f->problem_size, "more than was sent came back: 0x%02x",
                 (unsigned char)f->back[0]);
        WEFT_RAISE(f, -EBADMSG);
    }
    WEFT_AWAIT(f, weft_stream_close(f->stream));
    WEFT_END(f);
}

static void talk_cleanup(void *frame)
{
    struct talk *f = frame;

    weft_stream_free(f->stream);
    free(f->sent);
    free(f->back);
}
WEFT_GEN_TYPE(talk, .cleanup = talk_cleanup);

/* A talk, with a time limit; a failure of it is told and counted. */
struct connection {
    weft_gen gen;
    weft_scope scope;
    const struct load *load;
    struct tally *tally;
    size_t number;
    char problem[96];
};

static void tell(struct connection *f, int error)
{
    if (++f->tally->failures <= MOST_LINES)
        fprintf(stderr, "echo: connection %zu: %s (%s)\n", f->number,
                f->problem[0] ? f->problem : weft_strerror(error), weft_errname(error));
}

static weft_step connection(void *frame)
{
    struct connection *f = frame;
    int error;

    WEFT_BEGIN(f);
    error = weft_scope_enter(&f->scope, f->load->timeout, 0);
    if (error)
        WEFT_RAISE(f, error);
    WEFT_TRY_YIELD_FROM(f, WEFT_CALL(talk, .load = f->load, .tally = f->tally, .number = f->number,
                                     .problem = f->problem, .problem_size = sizeof f->problem));
    error = weft_scope_exit(&f->scope, weft_failed(f));
    if (error)
        tell(f, error);
    if (error)
        WEFT_RAISE(f, error);
    WEFT_END(f);
}
WEFT_GEN_TYPE(connection);

/* ---- all of them ------------------------------------------------------------------------------ */

struct drive {
    weft_gen gen;
    const struct load *load;
    struct tally *tally;
    weft_gen **calls;
};

static weft_step drive(void *frame)
{
    struct drive *f = frame;
    size_t count = f->load->connections;

    WEFT_BEGIN(f);
    f->calls = calloc(count, sizeof(*f->calls));
    if (!f->calls)
        WEFT_RAISE(f, -ENOMEM);
    for (size_t i = 0; i < count; i++)
        f->calls[i] = WEFT_CALL(connection, .load = f->load, .tally = f->tally, .number = i + 1);
    WEFT_AWAIT(f, weft_gather_calls(NULL, f->calls, count, count, WEFT_RETURN_ERRORS));
    WEFT_END(f);
}

static void drive_cleanup(void *frame)
{
    free(((struct drive *)frame)->calls);
}
WEFT_GEN_TYPE(drive, .cleanup = drive_cleanup);

int client_drive(const struct load *load, struct tally *tally)
{
    double begun = clock_now(), cpu = clock_cpu();
    int error;

    *tally = (struct tally){.failures = 0};
    error = weft_run(WEFT_CALL(drive, .load = load, .tally = tally), NULL);
    tally->seconds = clock_now() - begun;
    tally->cpu = clock_cpu() - cpu;
    return error;
}

/* ---- one at a time? --------------------------------------------------------------------------- */

struct probe {
    weft_gen gen;
    const struct load *load;
    weft_stream *silent, *second;
    char back;
    bool had_to_wait;
};

static weft_step probe(void *frame)
{
    struct probe *f = frame;
    int error;

    WEFT_BEGIN(f);
    WEFT_AWAIT(f, weft_open_connection(NULL, f->load->host, f->load->service, .delay = 0));
    f->silent = weft_take(f);
    WEFT_AWAIT(f, weft_open_connection(NULL, f->load->host, f->load->service, .delay = 0));
    f->second = weft_take(f);
    error = weft_stream_post(f->second, "x", 1);
    if (error)
        WEFT_RAISE(f, error);
    WEFT_TRY_AWAIT(f, weft_wait_for(weft_stream_read_exactly(f->second, &f->back, 1), 1));
    f->had_to_wait = weft_failed(f) == WEFT_ETIMEDOUT;
    if (weft_failed(f) && !f->had_to_wait)
        WEFT_RAISE(f, weft_failed(f));
    WEFT_AWAIT(f, weft_stream_close(f->silent));
    if (f->had_to_wait) /* now it is the second one's turn */
        WEFT_AWAIT(
            f, weft_wait_for(weft_stream_read_exactly(f->second, &f->back, 1), f->load->timeout));
    WEFT_AWAIT(f, weft_stream_close(f->second));
    WEFT_RETURN(f, weft_from_int(f->had_to_wait));
    WEFT_END(f);
}

static void probe_cleanup(void *frame)
{
    struct probe *f = frame;

    weft_stream_free(f->silent);
    weft_stream_free(f->second);
}
WEFT_GEN_TYPE(probe, .cleanup = probe_cleanup);

int client_probe(const struct load *load)
{
    void *value = NULL;
    int error = weft_run(WEFT_CALL(probe, .load = load), &value);

    return error ? error : (int)weft_int(value);
}

/* libpq as bodies: a library that says what it waits for, and works when it is called again.
 *
 *     demos/recipes/libpq "host=/tmp/sockets dbname=postgres"
 *
 * Such a library has no callbacks, and needs no futures of its own: a body asks it what it waits for, awaits that,
 * and calls it again.
 *
 *     async def pq_connect(info):                     pq_connect
 *         conn = PQconnectStart(info)
 *         while (poll := PQconnectPoll(conn)) != OK:
 *             await readable(PQsocket(conn))              WEFT_AWAIT(f, weft_readable(NULL, PQsocket(f->conn)));
 *
 * A query that is cancelled goes on in the server, and its answer would come instead of the next one's.  So the
 * FINALLY part asks the server to stop it and reads what is left.  PQcancel blocks: it runs in a thread.
 *
 * It prints:
 *     three queries of 0.3 seconds, at once: 1 2 3
 *     they took less than 0.8 seconds: yes
 *     select 1/0: division by zero
 *     select pg_sleep(60), for a moment: deadline expired
 *     the same connection goes on: 42
 *     a server that is not there: Connection refused
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libpq-fe.h>
#include <weft.h>

/* ---- connecting ----------------------------------------------------------------------------------- */

static void finish(void *conn)
{
    PQfinish(conn);
}

static void clear(void *result)
{
    PQclear(result);
}

struct pq_connect {
    weft_gen gen;
    const char *info;
    PGconn *conn;
    PostgresPollingStatusType poll;
};

/* Result: PGconn, owned.  Errors: -ENOMEM, -ECONNREFUSED: libpq knows more (PQerrorMessage). */
static weft_step pq_connect(void *frame)
{
    struct pq_connect *f = frame;

    WEFT_BEGIN(f);
    f->conn = PQconnectStart(f->info);
    if (!f->conn)
        WEFT_RAISE(f, -ENOMEM);
    f->poll = PQstatus(f->conn) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (f->poll != PGRES_POLLING_OK) {
        if (f->poll == PGRES_POLLING_FAILED)
            WEFT_RAISE(f, -ECONNREFUSED);
        if (f->poll == PGRES_POLLING_READING)
            WEFT_AWAIT(
                f, weft_readable(NULL, PQsocket(f->conn))); /* it may be another one each time */
        else
            WEFT_AWAIT(f, weft_writable(NULL, PQsocket(f->conn)));
        f->poll = PQconnectPoll(f->conn);
    }
    PQsetnonblocking(f->conn, 1);
    WEFT_RETURN_OWNED(f, f->conn, finish);
    WEFT_END(f);
}

static void pq_connect_cleanup(void *frame)
{
    struct pq_connect *f = frame;

    if (f->poll != PGRES_POLLING_OK)
        PQfinish(f->conn);
}
WEFT_GEN_TYPE(pq_connect, .cleanup = pq_connect_cleanup);

/* ---- a query --------------------------------------------------------------------------------------- */

struct pq_result { /* the next result, or NULL after the last */
    weft_gen gen;
    PGconn *conn;
};

static weft_step pq_result(void *frame)
{
    struct pq_result *f = frame;

    WEFT_BEGIN(f);
    while (PQisBusy(f->conn)) {
        WEFT_AWAIT(f, weft_readable(NULL, PQsocket(f->conn)));
        if (!PQconsumeInput(f->conn))
            WEFT_RAISE(f, -ECONNRESET);
    }
    WEFT_RETURN_OWNED(f, PQgetResult(f->conn), clear);
    WEFT_END(f);
}
WEFT_GEN_TYPE(pq_result);

/* In a thread: PQcancel connects to the server, and waits. */
static int stop_query(void *cancel, void **nothing)
{
    char message[256];

    (void)nothing;
    return PQcancel(cancel, message, sizeof(message)) ? 0 : -EIO;
}

static void free_cancel(void *cancel)
{
    PQfreeCancel(cancel);
}

struct pq_query {
    weft_gen gen;
    weft_outcome outcome;
    weft_scope scope;
    PGconn *conn;
    const char *sql;
    PGresult *result;
    bool sent;
};

/* Result: PGresult, owned.  Errors: -EPROTO: the connection is broken; -ECONNRESET. */
static weft_step pq_query(void *frame)
{
    struct pq_query *f = frame;

    WEFT_BEGIN(f);
    WEFT_TRY(f);
    f->sent = PQsendQuery(f->conn, f->sql);
    if (!f->sent)
        WEFT_RAISE(f, -EPROTO);
    while (PQflush(f->conn) == 1)
        WEFT_AWAIT(f, weft_writable(NULL, PQsocket(f->conn)));
    WEFT_YIELD_FROM(f, WEFT_CALL(pq_result, .conn = f->conn));
    f->result = weft_sent(f);
    WEFT_FINALLY(f);
    weft_scope_enter(&f->scope, WEFT_NEVER, WEFT_SCOPE_SHIELD); /* a second cancel waits outside */
    if (f->outcome.error && f->sent)
        WEFT_TRY_AWAIT(f,
                       weft_run_in_executor(NULL, NULL, .run = stop_query,
                                            .arg = PQgetCancel(f->conn), .free_arg = free_cancel));
    while (f->sent) { /* what is left of it: the connection is free after NULL */
        WEFT_TRY_YIELD_FROM(f, WEFT_CALL(pq_result, .conn = f->conn));
        f->sent = !weft_failed(f) && weft_sent(f);
        if (f->sent)
            PQclear(weft_sent(f));
    }
    weft_scope_exit(&f->scope, 0);
    if (!f->outcome.error) {
        PGresult *result = f->result;

        f->result = NULL;
        WEFT_RETURN_OWNED(f, result, clear);
    }
    WEFT_END(f);
}

static void pq_query_cleanup(void *frame)
{
    struct pq_query *f = frame;

    PQclear(f->result);
}
WEFT_GEN_TYPE(pq_query, .cleanup = pq_query_cleanup);

/* ---- a program -------------------------------------------------------------------------------------- */

struct number { /* a connection of its own, and one query */
    weft_gen gen;
    const char *info, *sql;
    PGconn *conn;
};

static weft_step number(void *frame)
{
    struct number *f = frame;
    PGresult *result;
    int answer;

    WEFT_BEGIN(f);
    WEFT_YIELD_FROM(f, WEFT_CALL(pq_connect, .info = f->info));
    f->conn = weft_sent(f);
    WEFT_YIELD_FROM(f, WEFT_CALL(pq_query, .conn = f->conn, .sql = f->sql));
    result = weft_sent(f);
    answer = PQntuples(result) == 1 ? atoi(PQgetvalue(result, 0, 0)) : -1;
    PQclear(result);
    WEFT_RETURN(f, weft_from_int(answer));
    WEFT_END(f);
}

static void number_cleanup(void *frame)
{
    struct number *f = frame;

    PQfinish(f->conn);
}
WEFT_GEN_TYPE(number, .cleanup = number_cleanup);

struct program {
    weft_gen gen;
    const char *info;
    PGconn *conn;
    double start;
};

static weft_gen *sleepy(const char *info, const char *sql)
{
    return WEFT_CALL(number, .info = info, .sql = sql);
}

static weft_step program(void *frame)
{
    struct program *f = frame;
    const weft_result *results;
    PGresult *result;

    WEFT_BEGIN(f);
    f->start = weft_loop_time(NULL);
    WEFT_AWAIT(f, weft_gather_calls(NULL,
                                    WEFT_CALLS(sleepy(f->info, "select 1 from pg_sleep(0.3)"),
                                               sleepy(f->info, "select 2 from pg_sleep(0.3)"),
                                               sleepy(f->info, "select 3 from pg_sleep(0.3)")),
                                    3, 0));
    results = weft_sent(f);
    printf("three queries of 0.3 seconds, at once: %d %d %d\n", (int)weft_int(results[0].value),
           (int)weft_int(results[1].value), (int)weft_int(results[2].value));
    printf("they took less than 0.8 seconds: %s\n",
           weft_loop_time(NULL) - f->start < 0.8 ? "yes" : "no");

    WEFT_YIELD_FROM(f, WEFT_CALL(pq_connect, .info = f->info));
    f->conn = weft_sent(f);
    WEFT_YIELD_FROM(f, WEFT_CALL(pq_query, .conn = f->conn, .sql = "select 1/0"));
    result = weft_sent(f);
    printf("select 1/0: %s\n", PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    PQclear(result);

    WEFT_TRY_AWAIT(f, weft_wait_for(weft_task_new(NULL, WEFT_CALL(pq_query, .conn = f->conn,
                                                                  .sql = "select pg_sleep(60)")),
                                    0.1));
    printf("select pg_sleep(60), for a moment: %s\n", weft_strerror(weft_failed(f)));
    WEFT_YIELD_FROM(f, WEFT_CALL(pq_query, .conn = f->conn, .sql = "select 42"));
    result = weft_sent(f);
    printf("the same connection goes on: %s\n", PQgetvalue(result, 0, 0));
    PQclear(result);

    WEFT_TRY_YIELD_FROM(f, WEFT_CALL(pq_connect, .info = "host=/nonexistent"));
    printf("a server that is not there: %s\n", weft_strerror(weft_failed(f)));
    WEFT_END(f);
}

static void program_cleanup(void *frame)
{
    struct program *f = frame;

    PQfinish(f->conn);
}
WEFT_GEN_TYPE(program, .cleanup = program_cleanup);

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: libpq CONNINFO\n");
        return 2;
    }
    return weft_main(WEFT_CALL(program, .info = argv[1]));
}

/* check_options.c - structs of options grow: what programs with older and newer headers get. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weft/datagram.h>

#include "support/harness.h"

/* ---- one call of each kind, with options of any size; each returns its error ---- */

static int use_server(const void *options)
{
    weft_future *start = weft_start_server_with(loop, NULL, NULL, options);
    int error = weft_run_until_complete(loop, weft_future_ref(start), NULL);

    if (!error)
        weft_server_unref(weft_future_take(start));
    weft_future_unref(start);
    run_rounds(6);
    return error;
}

static int use_connection(const void *options)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0), error;
    char port[8];
    void *stream = NULL;

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    snprintf(port, sizeof(port), "%d", ntohs(address.sin_port));
    error = weft_run_until_complete(
        loop, weft_open_connection_with(loop, "127.0.0.1", port, options), &stream);
    weft_stream_free(stream);
    close(fd);
    return error;
}

static int use_datagram(const void *options)
{
    void *io = NULL;
    int error = weft_run_until_complete(loop, weft_open_datagram_with(loop, options), &io);

    weft_io_close(io);
    return error;
}

static int use_process(const void *options)
{
    weft_process *process;
    int error = weft_process_start_with(loop, WEFT_ARGV("true"), &process, options);

    if (!error)
        ck_assert_int_eq(run_task(weft_process_wait(process), NULL), 0);
    weft_process_unref(process);
    return error;
}

static int use_queue(const void *options)
{
    weft_queue *queue = weft_queue_new_with(loop, options);
    int error = weft_queue_put_nowait(queue, NULL);

    weft_queue_unref(queue);
    return error;
}

static int do_nothing(void *arg, void **result)
{
    (void)arg;
    (void)result;
    return 0;
}

static int use_job(const void *options)
{
    return run_task(weft_run_job(loop, NULL, options, "here"), NULL);
}

/* ---- the kinds ---- */

/* As a program has it: `size` bytes, the last member of which is `last`. */
struct kind {
    const char *name;
    int (*use)(const void *options);
    const void *good;
    size_t size, last;
};
#define KIND(name, type, last, ...) \
    { \
#type, use_##name, &(const type){__VA_ARGS__ }, sizeof(type), offsetof(type, last) \
    }
static const struct kind kinds[] = {
    KIND(server, weft_server_options, flags, .host = "127.0.0.1"),
    KIND(connection, weft_connect_options, flags, .family = AF_INET),
    KIND(datagram, weft_datagram_options, flags, .family = AF_INET),
    KIND(process, weft_process_options, flags, .in = WEFT_DEVNULL),
    KIND(queue, weft_queue_options, destroy, .size = 1),
    KIND(job, weft_job, flags, .run = do_nothing),
};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

/* What the options of a kind give if they are `size` bytes long, and every byte from `from` on is `fill`. */
static int outcome(const struct kind *kind, size_t size, size_t from, int fill)
{
    union {
        size_t struct_size;
        unsigned char bytes[256];
    } program;

    memset(&program, fill, sizeof(program));
    memcpy(&program, kind->good, from < kind->size ? from : kind->size);
    program.struct_size = size;
    return kind->use(&program);
}

#define EACH_GIVES(want, ...) \
    for (const struct kind *kind = kinds; kind < kinds + KINDS; kind++) { \
        int got = outcome(kind, __VA_ARGS__); \
\
        ck_assert_msg(got == (want), "%s: %s", kind->name, weft_errname(got)); \
    }

/* 227 */
RULE(options_of_this_version_are_taken)
{
    EACH_GIVES(0, kind->size, kind->size, 0xff);
}
END_RULE

/* 227 */
RULE(what_an_older_program_does_not_know_is_zero_whatever_lies_there)
{
    EACH_GIVES(0, kind->last, kind->last, 0xff);
}
END_RULE

/* 227 */
RULE(what_a_newer_program_did_not_set_is_no_matter)
{
    EACH_GIVES(0, kind->size + 24, kind->size, 0);
}
END_RULE

/* 227 */
RULE(what_a_newer_program_did_set_is_refused)
{
    EACH_GIVES(-E2BIG, kind->size + 24, kind->size, 1);
}
END_RULE

/* 227 */
RULE(options_without_their_size_are_refused)
{
    EACH_GIVES(-EINVAL, 0, kind->size, 0);
}
END_RULE

/* 227 */
RULE(flags_that_nobody_knows_are_refused_and_not_overwritten_by_the_macros)
{
    weft_process *process;

    ck_assert_int_eq(run_task(weft_start_server(loop, NULL, NULL, .flags = 8), NULL), -EINVAL);
    ck_assert_int_eq(run_task(weft_open_connection(loop, NULL, "1", .flags = 8), NULL), -EINVAL);
    ck_assert_int_eq(run_task(weft_open_datagram(loop, .family = AF_INET, .flags = 8), NULL),
                     -EINVAL);
    ck_assert_int_eq(weft_process_start(loop, WEFT_ARGV("true"), &process, .flags = 8), -EINVAL);
    ck_assert_int_eq(
        run_task(weft_run_in_executor(loop, NULL, .run = do_nothing, .flags = 8), NULL), -EINVAL);
}
END_RULE

static void start_nothing(weft_explorer *explorer, void *arg)
{
    (void)explorer;
    (void)arg;
}

/* 227 */
RULE(a_scenario_says_its_size_like_all_options)
{
    weft_scenario scenario = {.start = start_nothing};

    ck_assert_ptr_null(weft_testing_explore(.start = start_nothing).wrong);
    ck_assert_ptr_nonnull(weft_testing_explore_with(&scenario).wrong);
    scenario.struct_size = sizeof(scenario);
    ck_assert_ptr_null(weft_testing_explore_with(&scenario).wrong);
}
END_RULE

struct flagged {
    weft_gen gen;
};
static weft_step flagged(void *frame)
{
    return weft_return(frame, NULL);
}
WEFT_GEN_TYPE(flagged, .flags = 6);

/* 227 */
RULE(the_type_of_a_body_says_its_size_and_keeps_the_flags_that_it_was_given)
{
    weft_gen *gen = WEFT_CALL(flagged);

    ck_assert_uint_eq(gen->type->struct_size, sizeof(weft_gen_type));
    ck_assert_uint_eq(gen->type->flags, 6);
    ck_assert_int_eq(weft_gen_close(gen), 0);
}
END_RULE

RUN_SUITE("options", options_of_this_version_are_taken,
          what_an_older_program_does_not_know_is_zero_whatever_lies_there,
          what_a_newer_program_did_not_set_is_no_matter, what_a_newer_program_did_set_is_refused,
          options_without_their_size_are_refused,
          flags_that_nobody_knows_are_refused_and_not_overwritten_by_the_macros,
          a_scenario_says_its_size_like_all_options,
          the_type_of_a_body_says_its_size_and_keeps_the_flags_that_it_was_given)

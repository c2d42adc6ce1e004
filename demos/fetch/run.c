#include "run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/wait.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <unistd.h>
#include "mode.h"
#include "progress.h"
#include "request.h"
#include "tracer.h"

/* ---- signals --------------------------------------------------------------------------------- */

static const int signals[] = {SIGINT, SIGTERM, SIGCHLD}; /* that one last */
enum { SIGNALS = sizeof signals / sizeof *signals };
static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    if (number != SIGCHLD) /* that one is to wake us up, and no more */
        caught = number;
}

void run_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}, before;

    sigaction(SIGCHLD, &action, NULL);
    action.sa_flags = (int)SA_RESETHAND;
    for (int i = 0; signals[i] != SIGCHLD; i++)
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
}

int run_signal(void)
{
    return caught;
}

/* They come while we wait, and not just before. */
static void block_signals(sigset_t *before)
{
    sigset_t all;

    sigemptyset(&all);
    for (size_t i = 0; i < SIGNALS; i++)
        sigaddset(&all, signals[i]);
    sigprocmask(SIG_BLOCK, &all, before);
}

/* ---- the child ------------------------------------------------------------------------------- */

/* Makes a batch of all requests that the options ask for, and runs it in their mode. */
static int run_batch(const struct options *options, struct record *record, size_t window,
                     struct tracer *tracer)
{
    struct batch batch = {.options = options, .count = record->count, .tracer = tracer};
    int error;

    batch.window = window;
    batch.requests = calloc(batch.count, sizeof *batch.requests);
    if (!batch.requests)
        return -ENOMEM;
    for (size_t i = 0; i < batch.count; i++) {
        struct request *r = &batch.requests[i];

        *r = (struct request){.options = options, .number = i + 1, .row = &record->rows[i]};
        r->url = &options->urls[i / options->count];
        r->row->title = r->url->text;
    }
    record->begun = clock_now();
    error = options->mode->run(&batch);
    record->ended = clock_now();
    free(batch.requests);
    return error;
}

static WEFT_NORETURN void be_the_child(const struct options *options, const struct mode *mode,
                                       int number, size_t window, struct tracer *tracer,
                                       struct record *record)
{
    struct options mine = *options;

#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* who kills the parent alone shall end this, too */
#endif
    mine.mode = mode;
    if (!mode->fetch)
        tracer = NULL; /* there are no tasks */
    if (tracer)
        tracer_begin(tracer, number, mode->name);
    record->error = run_batch(&mine, record, window, tracer);
    if (tracer)
        record->trace_error = tracer_end(tracer);
    exit(EXIT_SUCCESS);
}

/* A group of its own: what the terminal sends to ours is passed on, once. */
static pid_t start_child(const struct options *options, const struct mode *mode, int number,
                         size_t window, struct tracer *tracer, struct record *record,
                         const sigset_t *before)
{
    pid_t pid;

    fflush(NULL); /* or both processes write what is in the buffers */
    pid = fork();
    if (pid < 0)
        return -errno;
    setpgid(pid, pid); /* both do: whoever is first */
    if (pid > 0)
        return pid;
    for (size_t i = 0; i < SIGNALS; i++)
        signal(signals[i], SIG_DFL);
    sigprocmask(SIG_SETMASK, before, NULL);
    be_the_child(options, mode, number, window, tracer, record);
}

/* Returns its status, or an error. */
static int wait_for_child(pid_t pid, const char *name, const struct record *record,
                          struct rusage *usage, const sigset_t *before)
{
    const struct timespec tenth = {.tv_nsec = 100000000};
    double begun = clock_now();
    bool is_told = false;
    int status = 0;
    pid_t ended;

    while ((ended = wait4(pid, &status, WNOHANG, usage)) == 0) {
        if (caught && !is_told) {
            kill(-pid, SIGINT);
            is_told = true;
        }
        progress_show(stdout, name, record, clock_now() - begun);
        pselect(0, NULL, NULL, NULL, &tenth, before); /* or until a signal comes */
    }
    progress_erase(stdout);
    return ended < 0 ? -errno : status;
}

/* ---- both ------------------------------------------------------------------------------------ */

/* Those that never came to their end. */
static void describe_the_rest(const struct options *options, struct record *record, int error)
{
    if (record->ended == 0)
        record->ended = clock_now();
    for (size_t i = 0; i < record->count; i++) {
        struct row *row = &record->rows[i];

        if (row->times.at[MARK_ENDED] > 0 || row->error[0])
            continue;
        request_describe(&(struct request){.options = options, .row = row}, NULL, error);
        if (row->times.at[MARK_BEGUN] > 0)
            row->times.at[MARK_ENDED] = record->ended;
    }
}

int run_mode(const struct options *options, const struct mode *mode, int number, size_t window,
             struct tracer *tracer, struct record *record, struct rusage *usage)
{
    sigset_t before;
    int status;
    pid_t pid;

    block_signals(&before);
    pid = start_child(options, mode, number, window, tracer, record, &before);
    status = pid < 0 ? (int)pid : wait_for_child(pid, mode->name, record, usage, &before);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (status < 0)
        return status;
    describe_the_rest(options, record, caught ? WEFT_ECANCELLED : WEFT_EABANDONED);
    if (record->error || caught)
        return record->error;
    if (WIFSIGNALED(status))
        fprintf(stderr, "fetch: mode %s: its process was killed by signal %d\n", mode->name,
                WTERMSIG(status));
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : WEFT_EABANDONED;
}

/* spawn.c - a child: fork, a word that it may go on, exec.
 *
 *   parent   fork -- watch the child -- a pipe comes -- "go" -- read: an error, or the end: it runs
 *   child      +---- make a pipe, send it -- read ---------+---- descriptors, exec: closes the pipe
 *                                                                      +---- or write the error
 *
 * The gate is a socket pair that closes on exec.  A parent that cannot go on says so, and the
 * child ends: no program runs that nobody watches.
 *
 * Another thread may fork while the gate is open, and what it forks may live long without an exec:
 * a stranger that holds both ends.  So nobody waits for an end of file at the gate, only for words;
 * and what tells by its end that the program runs is a pipe that the child makes, which has no
 * other threads.
 *
 * Between fork and exec the child only calls what is async-signal-safe, and allocates nothing:
 * other threads may have held any lock.  All signals are blocked meanwhile, and then set to their
 * defaults: no handler of this program runs in the child, where it would write into pipes that are
 * shared with the parent.
 *
 * Rejected: posix_spawn, which can neither wait for a word nor, under an emulator, tell what exec
 * said; vfork, where the parent cannot watch the child before it runs; the end of the gate as the
 * word that it runs: the loop would block for as long as a stranger lives.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "process/process.h"

extern char **environ;

enum { GO = 'g', STOP = 's' }; /* the parent's words */

/* Room for a descriptor on its way through the gate. */
union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(int))];
};

/* ---- the child ------------------------------------------------------------------------------ */

/* What the child works with; all of it made before the fork. */
struct plan {
    const char *const *argv;
    const char *const *env;
    const char *path; /* directories, parted by colons; NULL: argv[0] has a slash */
    char *file;       /* room for a directory and argv[0] */
    size_t file_size;
    const char *cwd;
    bool new_session;
    int fds[3];
    const int *pass_fds;
    size_t pass_count;
    int gate;
};

/* No descriptor but the first three is the program's. */
static void close_on_exec(void)
{
    long count;

#if defined(SYS_close_range)
    if (syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */) == 0)
        return;
#endif
    count = sysconf(_SC_OPEN_MAX);
    if (count < 0 || count > 65536)
        count = 65536;
    for (int fd = 3; fd < count; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* Put the three descriptors in their places.  Those that stand in another one's are moved first. */
static int place_descriptors(struct plan *plan)
{
    for (int i = 0; i < 3; i++)
        if (plan->fds[i] >= 0 && plan->fds[i] < 3 && plan->fds[i] != i) {
            plan->fds[i] = fcntl(plan->fds[i], F_DUPFD_CLOEXEC, 3);
            if (plan->fds[i] < 0)
                return -errno;
        }
    for (int i = 0; i < 3; i++) {
        int fd = plan->fds[i] == WEFT_STDOUT ? 1 : plan->fds[i];

        if (fd == i && fcntl(fd, F_SETFD, 0) != 0 && errno != EBADF)
            return -errno;
        if (fd != i && dup2(fd, i) < 0)
            return -errno;
    }
    return 0;
}

/* But for those.  Errors: another thread may have closed one meanwhile. */
static int pass_on(const struct plan *plan)
{
    for (size_t i = 0; i < plan->pass_count; i++)
        if (fcntl(plan->pass_fds[i], F_SETFD, 0) != 0)
            return -errno;
    return 0;
}

static void reset_signals(void)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int i = 1; i < NSIG; i++)
        sigaction(i, &standard, NULL); /* refused for some: they are as they should be */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void exec_file(const struct plan *plan, const char *file)
{
    execve(file, (char *const *)(uintptr_t)plan->argv, (char *const *)(uintptr_t)plan->env);
}

/* Become the program.  Returns why not: of the directories that have it, the first one's reason. */
static int exec_program(const struct plan *plan)
{
    const char *name = plan->argv[0], *at = plan->path;
    int error = -ENOENT;

    if (!at) {
        exec_file(plan, name);
        return -errno;
    }
    for (;;) {
        size_t length = strcspn(at, ":");

        memcpy(plan->file, at, length);
        if (length > 0)
            plan->file[length] = '/'; /* an empty one is where we are */
        strcpy(plan->file + length + (length > 0), name);
        exec_file(plan, plan->file);
        if (errno != ENOENT && errno != ENOTDIR && error == -ENOENT)
            error = -errno;
        if (!at[length])
            return error;
        at += length + 1;
    }
}

/* Tell the parent an error; or none, and a descriptor. */
static void tell(int gate, int error, int fd)
{
    union control control = {.room = {0}};
    struct iovec part = {&error, sizeof(error)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t n;

    if (!error) {
        message.msg_control = &control;
        message.msg_controllen = sizeof(control);
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
    }
    do
        n = sendmsg(gate, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
}

/* Give the parent one end of a pipe; the other one is this process's alone.  Errors: pipe(2)'s. */
static int open_answer(const struct plan *plan)
{
    int fds[2] = {-1, -1}, error = weft__spawn_pipe(fds);

    tell(plan->gate, error, fds[0]);
    if (error)
        return error;
    close(fds[0]);
    return fds[1];
}

/* Wait for the parent's word. */
static bool may_go(const struct plan *plan)
{
    char word;
    ssize_t n;

    do
        n = read(plan->gate, &word, 1);
    while (n < 0 && errno == EINTR);
    return n == 1 && word == GO;
}

WEFT_NORETURN static void be_child(struct plan *plan)
{
    int answer = open_answer(plan), error = 0;
    ssize_t n;

    if (answer < 0 || !may_go(plan))
        _exit(127);
    if (plan->new_session && setsid() < 0)
        error = -errno;
    if (!error)
        error = place_descriptors(plan);
    if (!error && plan->cwd && chdir(plan->cwd) != 0)
        error = -errno;
    if (!error) {
        close_on_exec();
        error = pass_on(plan);
    }
    if (!error) {
        reset_signals();
        error = exec_program(plan);
    }
    do
        n = write(answer, &error, sizeof(error));
    while (n < 0 && errno == EINTR);
    _exit(127);
}

/* ---- the parent ----------------------------------------------------------------------------- */

/* The value of a variable in an environment, or NULL. */
static const char *find_variable(const char *const *env, const char *name)
{
    size_t length = strlen(name);

    for (; env && *env; env++)
        if (strncmp(*env, name, length) == 0 && (*env)[length] == '=')
            return *env + length + 1;
    return NULL;
}

int weft__above_standard(int fd)
{
    int moved;

    if (fd >= 3)
        return fd;
    moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    if (moved < 0)
        moved = -errno;
    close(fd);
    return moved;
}

/* Both above the standard ones, and closed on exec; else both are closed.  Errors: fcntl(2)'s. */
static int settle(int fds[2])
{
    int error = 0;

    for (int i = 0; i < 2; i++) {
        fds[i] = weft__above_standard(fds[i]);
        if (fds[i] < 0)
            error = fds[i];
        else
            fcntl(fds[i], F_SETFD, FD_CLOEXEC);
    }
    for (int i = 0; i < 2 && error; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return error;
}

int weft__spawn_pipe(int fds[2])
{
#ifdef HAVE_PIPE2
    if (pipe2(fds, O_CLOEXEC) != 0)
#else
    if (pipe(fds) != 0)
#endif
        return -errno;
    return settle(fds);
}

static int open_gate(int gate[2])
{
    int type = SOCK_STREAM;

#ifdef SOCK_CLOEXEC
    type |= SOCK_CLOEXEC; /* at once: another thread may fork and exec */
#endif
    return socketpair(AF_UNIX, type, 0, gate) == 0 ? settle(gate) : -errno;
}

/* Fork, with all signals blocked: no handler runs in the child before it has become its program. */
static pid_t fork_quietly(struct plan *plan, int parents_end)
{
    sigset_t all, before;
    pid_t pid;
    int error;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0) {
        close(parents_end);
        be_child(plan);
    }
    error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid < 0 ? -error : pid;
}

int weft__spawn_begin(struct weft__spawn *spawn, const char *const *argv, const int fds[3],
                      const weft_process_options *options)
{
    struct plan plan = {.argv = argv,
                        .cwd = options->cwd,
                        .new_session = options->new_session,
                        .pass_fds = options->pass_fds,
                        .pass_count = options->pass_count};
    int gate[2], error;

    memcpy(plan.fds, fds, sizeof(plan.fds));
    plan.env = options->env ? options->env : (const char *const *)(uintptr_t)environ;
    if (!strchr(argv[0], '/')) {
        plan.path = find_variable(plan.env, "PATH");
        if (!plan.path)
            plan.path = "/bin:/usr/bin";
        plan.file_size = strlen(plan.path) + strlen(argv[0]) + 2;
        plan.file = weft__alloc(plan.file_size);
        if (!plan.file)
            return -ENOMEM;
    }
    error = open_gate(gate);
    if (!error) {
        plan.gate = gate[1];
        spawn->gate = gate[0];
        spawn->pid = fork_quietly(&plan, gate[0]);
        if (spawn->pid < 0)
            error = (int)spawn->pid;
        close(gate[1]);
        if (error)
            close(gate[0]);
    }
    weft__free(plan.file, plan.file_size);
    return error;
}

void weft__spawn_bury(const struct weft__spawn *spawn)
{
    while (waitpid(spawn->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

static void say(const struct weft__spawn *spawn, char word)
{
    ssize_t n;

    do
        n = send(spawn->gate, &word, 1, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
}

/* Receive the pipe by which the child answers.  Errors: why there is none. */
static int receive_answer(const struct weft__spawn *spawn, int *answer)
{
    union control control;
    int error = 0;
    struct iovec part = {&error, sizeof(error)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    const struct cmsghdr *header;
    int flags = 0;
    ssize_t n;

#ifdef MSG_CMSG_CLOEXEC
    flags = MSG_CMSG_CLOEXEC;
#endif
    do
        n = recvmsg(spawn->gate, &message, flags);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    header = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (header)
        memcpy(answer, CMSG_DATA(header), sizeof(*answer));
    else if (n > 0 && !error)
        error = -EMFILE; /* there was no number free for it */
    return error;
}

/* What it says at last: an error; or the end, for it runs. */
static int read_answer(int fd)
{
    int error = 0;
    ssize_t n;

    do
        n = read(fd, &error, sizeof(error));
    while (n < 0 && errno == EINTR);
    close(fd);
    return n == (ssize_t)sizeof(error) ? error : 0;
}

int weft__spawn_go(struct weft__spawn *spawn)
{
    int answer = -1, error = receive_answer(spawn, &answer);

    say(spawn, error ? STOP : GO);
    close(spawn->gate);
    return error || answer < 0 ? error : read_answer(answer);
}

void weft__spawn_abort(struct weft__spawn *spawn)
{
    say(spawn, STOP);
    close(spawn->gate);
    weft__spawn_bury(spawn);
}

/* net.c - see net.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pipe2 */
#endif
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "net.h"

/* The build says where the peers are: those that it made, and those that it did not have to. */
#ifndef BENCH_BUILT
#define BENCH_BUILT "tests/bench/peers"
#endif
#ifndef BENCH_SOURCE
#define BENCH_SOURCE BENCH_BUILT
#endif

enum { PATIENCE_MS = 120000, ARGUMENTS = 16 };

void net_fail(const char *name, const char *what)
{
    fprintf(stderr, "%s: %s\n", name, what);
    exit(1); /* the peers end with their parent */
}

void net_die_with_parent(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

void net_raise_limit(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int net_port(int fd)
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        net_fail("getsockname", strerror(errno));
    return ntohs(address.sin_port);
}

/* ---- peers ----------------------------------------------------------------------------------------------- */

static bool is_python(const struct net_peer *peer)
{
    return strstr(peer->program, ".py");
}

/* Debian's, which sees the packages of Debian, unless PYTHON3 names another. */
static const char *python(void)
{
    const char *named = getenv("PYTHON3");

    return named && *named ? named : "/usr/bin/python3";
}

static void run(const struct net_peer *peer, const char *mode, const int *numbers)
{
    char path[4096], digits[8][16];
    const char *arguments[ARGUMENTS] = {0};
    int count = 0;

    snprintf(path, sizeof(path), "%s/%s", is_python(peer) ? BENCH_SOURCE : BENCH_BUILT,
             peer->program);
    if (is_python(peer))
        arguments[count++] = python();
    arguments[count++] = path;
    arguments[count++] = mode;
    for (int i = 0; i < 3 && peer->words[i]; i++)
        arguments[count++] = peer->words[i];
    for (int i = 0; i < 8 && numbers[i] >= 0; i++) {
        snprintf(digits[i], sizeof(digits[i]), "%d", numbers[i]);
        arguments[count++] = digits[i];
    }
    execv(arguments[0], (char **)arguments);
    perror(arguments[0]);
    _exit(127);
}

struct net_process net_start(const struct net_peer *peer, const char *mode, const int *numbers)
{
    struct net_process process = {.name = peer->name};
    int to[2], from[2];

    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0 || (process.pid = fork()) < 0)
        net_fail(peer->name, strerror(errno));
    if (process.pid == 0) {
        net_die_with_parent();
        dup2(to[0], STDIN_FILENO);
        dup2(from[1], STDOUT_FILENO);
        run(peer, mode, numbers);
    }
    close(to[0]);
    close(from[1]);
    process.to = to[1];
    process.from = from[0];
    return process;
}

long net_number(const struct net_process *process)
{
    struct pollfd ready = {.fd = process->from, .events = POLLIN};
    char line[32] = "";
    size_t n = 0;

    while (n < sizeof(line) - 1) {
        if (poll(&ready, 1, PATIENCE_MS) != 1)
            net_fail(process->name, "says nothing");
        if (read(process->from, line + n, 1) != 1)
            net_fail(process->name, "has ended");
        if (line[n++] == '\n')
            break;
    }
    return atol(line);
}

void net_go(const struct net_process *process)
{
    if (write(process->to, "\n", 1) != 1)
        net_fail(process->name, strerror(errno));
}

void net_end(const struct net_process *process)
{
    close(process->to);
    close(process->from);
    kill(process->pid, SIGKILL);
    waitpid(process->pid, NULL, 0);
}

/* ---- what a process has used ----------------------------------------------------------------------------- */

static bool read_proc(const struct net_process *process, const char *file, char *text, size_t size)
{
    char path[64];
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)process->pid, file);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    return n > 0;
}

static double find(const char *text, const char *what)
{
    const char *at = strstr(text, what);

    return at ? atof(at + strlen(what)) : 0;
}

struct net_usage net_usage(const struct net_process *process)
{
    struct net_usage usage = {0};
    struct timespec cpu;
    clockid_t clock;
    unsigned long user = 0, system = 0;
    char text[4096], *at;

    if (clock_getcpuclockid(process->pid, &clock) != 0 || clock_gettime(clock, &cpu) != 0 ||
        !read_proc(process, "stat", text, sizeof(text)))
        net_fail(process->name, "has ended");
    usage.cpu = (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9;
    at = strrchr(text, ')'); /* the name before it may hold anything */
    if (at)
        sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    usage.user = (double)user / (double)sysconf(_SC_CLK_TCK);
    usage.system = (double)system / (double)sysconf(_SC_CLK_TCK);
    if (!read_proc(process, "status", text, sizeof(text)))
        net_fail(process->name, "has ended");
    usage.peak = find(text, "VmHWM:");
    usage.resident = find(text, "VmRSS:");
    if (read_proc(process, "smaps_rollup", text, sizeof(text)))
        usage.resident = find(text,
                              "\nRss:"); /* exact; the other may miss what is not yet added up */
    return usage;
}

/* ---- tables ---------------------------------------------------------------------------------------------- */

static bool python_has(const char *module)
{
    char command[64];
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        int nowhere = open("/dev/null", O_RDWR);

        dup2(nowhere, STDERR_FILENO);
        snprintf(command, sizeof(command), "import %s", module);
        execl(python(), python(), "-c", command, (char *)NULL);
        _exit(127);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static bool is_here(const struct net_peer *peer)
{
    char path[4096];

    if (is_python(peer))
        return python_has(peer->words[0]);
    snprintf(path, sizeof(path), "%s/%s", BENCH_BUILT, peer->program);
    return access(path, X_OK) == 0;
}

size_t net_measure(const struct net_peer *peers, size_t count, int rounds, const char *word,
                   void (*measure)(const struct net_peer *peer, struct net_result *result),
                   struct net_row *rows)
{
    size_t used = 0;

    signal(SIGPIPE, SIG_IGN);
    net_raise_limit();
    for (size_t i = 0; i < count && used < NET_PEERS; i++) {
        if (word && !strstr(peers[i].name, word))
            continue;
        if (is_here(&peers[i]))
            rows[used++] = (struct net_row){.peer = &peers[i]};
        else
            printf("%s: not here (%s)\n", peers[i].name, peers[i].package);
    }
    for (int round = 0; round < rounds; round++)
        for (size_t i = 0; i < used; i++) {
            measure(rows[i].peer, &rows[i].results[round]);
            rows[i].rounds++;
        }
    return used;
}

double net_median(const struct net_row *row, double (*of)(const struct net_result *result))
{
    double values[NET_MAX_ROUNDS];

    for (int i = 0; i < row->rounds; i++)
        values[i] = of(&row->results[i]);
    return bench_median(values, row->rounds);
}

const char *net_ratio(const struct net_row *rows, size_t count, size_t which, const char *name,
                      double (*of)(const struct net_result *result))
{
    static char text[32];
    const struct net_row *other = NULL;
    double ratios[NET_MAX_ROUNDS];

    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].peer->name, name) == 0)
            other = &rows[i];
    if (!other)
        return "-";
    for (int i = 0; i < other->rounds; i++)
        ratios[i] = of(&rows[which].results[i]) / of(&other->results[i]);
    snprintf(text, sizeof(text), "%.2f", bench_median(ratios, other->rounds));
    return text;
}

double net_cpu(const struct net_result *result)
{
    return (result->after.cpu - result->before.cpu) * 1e6 / result->work;
}

double net_user_share(const struct net_row *row)
{
    double user = 0, all = 0;

    for (int i = 0; i < row->rounds; i++) {
        const struct net_usage *before = &row->results[i].before, *after = &row->results[i].after;

        user += after->user - before->user;
        all += after->user - before->user + after->system - before->system;
    }
    return all > 0 ? user / all : 0;
}

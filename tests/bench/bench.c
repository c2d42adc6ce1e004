/* bench.c - see bench.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

enum { MAX_ROUNDS = 51 };

static double clock_ns(clockid_t which)
{
    struct timespec now;

    clock_gettime(which, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

double bench_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

double bench_cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

weft_loop *bench_loop(void)
{
    weft_loop *loop = weft_loop_new(NULL);

    if (!loop)
        abort();
    return loop;
}

double bench_run(weft_gen *gen)
{
    weft_loop *loop = bench_loop();
    weft_task *task = weft_task_new(loop, gen);
    double start = bench_now_ns();

    if (weft_run_until_complete(loop, task, NULL) != 0)
        abort();
    start = bench_now_ns() - start;
    weft_loop_unref(loop);
    return start;
}

static double in_child(double (*measure)(void))
{
    double result = -1;
    int fds[2];
    pid_t child;

    if (pipe(fds) != 0 || (child = fork()) < 0)
        abort();
    if (child == 0) {
        result = measure();
        _exit(write(fds[1], &result, sizeof(result)) != sizeof(result));
    }
    close(fds[1]);
    if (read(fds[0], &result, sizeof(result)) != sizeof(result))
        abort();
    close(fds[0]);
    waitpid(child, NULL, 0);
    return result;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double bench_median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), by_size);
    return values[count / 2];
}

static void run_row(const struct bench_row *row, int asked)
{
    int rounds = row->rounds && row->rounds < asked ? row->rounds : asked;
    double bare[MAX_ROUNDS], weft[MAX_ROUNDS], x, y;

    for (int round = 0; round < rounds; round++) {
        bare[round] = in_child(row->bare);
        weft[round] = in_child(row->weft);
    }
    x = bench_median(bare, rounds);
    y = bench_median(weft, rounds);
    printf("%-42s %9.2f %9.2f %7.2f ", row->work, x, y, y / x);
    if (row->target > 0)
        printf("%9.2f %s\n", row->target, row->unit);
    else
        printf("%9s %s\n", "", row->unit);
    fflush(stdout);
}

int bench_main(int argc, char **argv, const struct bench_row *rows, size_t count)
{
    int asked = argc > 1 ? atoi(argv[1]) : 7;

    if (asked < 1 || asked > MAX_ROUNDS) {
        fprintf(stderr, "usage: %s [rounds, 1 to %d [words of the rows to run]]\n", argv[0],
                MAX_ROUNDS);
        return 2;
    }
    printf("%-42s %9s %9s %7s %9s\n", "work", "bare C", "weft", "ratio", "to reach");
    for (size_t i = 0; i < count; i++)
        if (argc <= 2 || strstr(rows[i].work, argv[2]))
            run_row(&rows[i], asked);
    return 0;
}

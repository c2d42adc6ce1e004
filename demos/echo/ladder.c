/* The ladder.
 *
 *     this process ---fork---> the server: its stdout says the port; it ends with its stdin
 *                  ---fork---> the client: drives it, and writes what came of it into a pipe
 *
 * The client has a process of its own, too: a child's peak memory begins with what its parent has, and this
 * one must stay small.
 */
#include "ladder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "mode.h"
#include "report.h"

struct server {
    pid_t pid;
    int control; /* its stdin */
    FILE *out;   /* its stdout */
    char port[8];
};

static void print_error(const char *what, int error)
{
    fprintf(stderr, "echo: %s: %s (%s)\n", what, weft_strerror(error), weft_errname(error));
}

/* Ends the server, and waits for it.  Returns its status. */
static int stop(struct server *server, struct rusage *usage)
{
    int status = -1;

    if (server->out)
        fclose(server->out);
    close(server->control);
    while (wait4(server->pid, &status, 0, usage) < 0)
        if (errno != EINTR)
            return -1;
    return status;
}

static int start(struct server *server, const struct mode *mode)
{
    int in[2], out[2], port = 0;
    struct rusage usage;

    if (pipe(in) < 0)
        return -errno;
    if (pipe(out) < 0) {
        close(in[0]);
        close(in[1]);
        return -EMFILE;
    }
    fflush(NULL); /* or both processes write what is in the buffers */
    server->pid = fork();
    if (server->pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[0]);
        close(in[1]);
        close(out[0]);
        close(out[1]);
        exit(mode->serve(0) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    close(in[0]);
    close(out[1]);
    server->control = in[1];
    server->out = fdopen(out[0], "r");
    if (server->pid < 0 || !server->out) {
        close(in[1]);
        return -EAGAIN;
    }
    if (fscanf(server->out, "listening on 127.0.0.1:%d", &port) != 1) {
        stop(server, &usage);
        return -ECONNREFUSED;
    }
    snprintf(server->port, sizeof server->port, "%d", port);
    return 0;
}

/* What the client's process sends back. */
struct outcome {
    struct tally tally;
    int error;
    int one_at_a_time;
};

static int drive(const struct load *load, struct outcome *outcome)
{
    int ends[2];
    ssize_t n;
    pid_t pid;

    if (pipe(ends) < 0)
        return -errno;
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        memset(outcome, 0, sizeof *outcome);
        outcome->error = client_drive(load, &outcome->tally);
        outcome->one_at_a_time = client_probe(load);
        n = write(ends[1], outcome, sizeof *outcome);
        exit(n == (ssize_t)sizeof *outcome ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    close(ends[1]);
    n = pid < 0 ? -1 : read(ends[0], outcome, sizeof *outcome);
    close(ends[0]);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    return n == (ssize_t)sizeof *outcome ? outcome->error : -EIO;
}

/* One rung. */
static bool climb(const struct load *load, struct row *row, int number)
{
    struct load its = *load;
    struct server server;
    struct outcome outcome = {.one_at_a_time = -EIO};
    int error = start(&server, row->mode), status;

    if (error) {
        print_error(row->mode->name, error);
        return false;
    }
    its.host = "127.0.0.1";
    its.service = server.port;
    error = drive(&its, &outcome);
    status = stop(&server, &row->usage);
    row->tally = outcome.tally;
    row->one_at_a_time = outcome.one_at_a_time;
    if (error)
        print_error(row->mode->name, error);
    if (row->one_at_a_time < 0)
        print_error("two clients at once", row->one_at_a_time);
    if (status != 0)
        fprintf(stderr, "echo: the server %s ended with status %d\n", row->mode->name, status);
    report_row(number, row);
    return !error && status == 0 && row->tally.failures == 0 && row->one_at_a_time >= 0;
}

bool ladder_climb(const struct load *load)
{
    struct row rows[MODES] = {{.mode = NULL}};
    bool well = true;

    report_header(load);
    for (int i = 0; i < MODES; i++) {
        rows[i].mode = &modes[i];
        well &= climb(load, &rows[i], i + 1);
    }
    report_footer(rows, MODES);
    return well;
}

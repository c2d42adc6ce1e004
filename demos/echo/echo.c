/* echo: a server that sends back in upper case what it receives, in seven ways, and a client for them;
 * `echo --help` says how.
 *
 *     1-blocking.c     one client after the other
 *     2-processes.c    a process for each
 *     3-threads.c      a thread for each
 *     4-polling.c      sockets that do not block, and each is tried, again and again
 *     5-select.c       the system says which one is ready
 *     6-callbacks.c    an event loop calls what is registered with it
 *     7-streams.c      tasks, which give way where they have to wait
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include "ladder.h"
#include "mode.h"
#include "options.h"
#include "report.h"

/* Lets as many descriptors be open as may be. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int say(const char *what, int error)
{
    if (!error)
        return EXIT_SUCCESS;
    fprintf(stderr, "echo: %s: %s (%s)\n", what, weft_strerror(error), weft_errname(error));
    return EXIT_FAILED;
}

static int be_client(const struct load *load)
{
    struct tally tally;
    int error = client_drive(load, &tally);

    if (error)
        return say("the client", error);
    report_summary(load, &tally);
    return tally.failures ? EXIT_FAILED : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct options options;

    options_read(&options, argc, argv);
    raise_descriptor_limit();
    switch (options.action) {
    case SERVE:
        return say(options.mode->name, options.mode->serve(options.port));
    case CLIENT:
        return report_end(be_client(&options.load));
    default:
        return report_end(ladder_climb(&options.load) ? EXIT_SUCCESS : EXIT_FAILED);
    }
}

#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "clock.h"
#include "mode.h"

static double rate(const struct tally *tally)
{
    return tally->seconds > 0 ? (double)tally->messages / tally->seconds : 0;
}

void report_summary(const struct load *load, const struct tally *tally)
{
    printf("%zu connection%s, %" PRIu64 " messages, %" PRIu64 " bytes each way: %.3f seconds, "
           "%.0f messages per second, client CPU %.3f seconds\n",
           load->connections, load->connections == 1 ? "" : "s", tally->messages, tally->bytes,
           tally->seconds, rate(tally), tally->cpu);
    if (tally->failures)
        printf("%zu connection%s failed\n", tally->failures, tally->failures == 1 ? "" : "s");
    fflush(stdout);
}

void report_header(const struct load *load)
{
    printf("%zu connections at once, %zu messages on each, of 1 to %zu bytes\n\n",
           load->connections, load->messages, load->size);
    printf("%-13s %9s %8s %10s %10s %9s %9s\n", "mode", "messages", "seconds", "messages/s",
           "server CPU", "peak", "switches");
    fflush(stdout);
}

void report_row(int number, const struct row *row)
{
    const struct rusage *usage = &row->usage;

    printf("%d %-11s %9" PRIu64 " %8.3f %10.0f %8.3f s %6.1f MB %9ld\n", number, row->mode->name,
           row->tally.messages, row->tally.seconds, rate(&row->tally), clock_cpu_of(usage),
           (double)usage->ru_maxrss / 1024, usage->ru_nvcsw + usage->ru_nivcsw);
    if (row->tally.failures)
        printf("  %zu of its connections failed\n", row->tally.failures);
    fflush(stdout);
}

void report_footer(const struct row *rows, int count)
{
    int found = 0;

    printf("\npeak: the memory of the largest process; switches: of context, by all of them\n"
           "one client at a time:");
    for (int i = 0; i < count; i++)
        if (rows[i].one_at_a_time == 1)
            printf("%s %s", found++ ? "," : "", rows[i].mode->name);
    printf("%s (a silent client kept the next one waiting)\n", found ? "" : " none");
}

int report_end(int status)
{
    int error = fflush(stdout) != 0 ? -errno : ferror(stdout) ? -EIO : 0;

    if (!error)
        return status;
    fprintf(stderr, "echo: the output: %s (%s)\n", weft_strerror(error), weft_errname(error));
    return status ? status : EXIT_FAILURE;
}

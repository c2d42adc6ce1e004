#define _POSIX_C_SOURCE 200809L
#include "progress.h"

#include <unistd.h>
#include "output.h"

static const double patience = 0.5; /* seconds, before anything is shown */
static int shown;                   /* columns */

void progress_show(FILE *out, const char *mode, const struct record *record, double seconds)
{
    char line[OUTPUT_MOST];
    size_t ended = 0;

    if (seconds < patience || !isatty(fileno(out)))
        return;
    for (size_t i = 0; i < record->count; i++)
        ended += record->rows[i].times.at[MARK_ENDED] > 0;
    snprintf(line, (size_t)output_width(out), "%s: %zu of %zu requests, %.1f s", mode, ended,
             record->count, seconds);
    progress_erase(out);
    shown = fprintf(out, "%s", line);
    fflush(out);
}

void progress_erase(FILE *out)
{
    if (shown > 0)
        fprintf(out, "\r%*s\r", shown, "");
    shown = 0;
}

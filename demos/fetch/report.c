#define _POSIX_C_SOURCE 200809L
#include "report.h"

#include <inttypes.h>
#include <langinfo.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "  12    200       1024      0.1     50.9  " and the bar: 80 columns. */
enum { BAR = 80 - 42 };

struct style {
    const char *waiting, *receiving, *failed; /* one column of a bar each */
    const char *dim, *good, *bad, *plain;     /* colours */
};

static struct style choose_style(FILE *out)
{
    const char *term = getenv("TERM");
    bool is_utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    struct style style = {"=", "#", "x", "", "", "", ""};

    if (is_utf8)
        style = (struct style){"━", "█", "×", "", "", "", ""};
    if (isatty(fileno(out)) && !getenv("NO_COLOR") && term && strcmp(term, "dumb") != 0) {
        style.dim = "\033[36m";
        style.good = "\033[32m";
        style.bad = "\033[31m";
        style.plain = "\033[0m";
    }
    return style;
}

static void repeat(FILE *out, const char *colour, const char *text, int count)
{
    if (count <= 0)
        return;
    fputs(colour, out);
    while (count-- > 0)
        fputs(text, out);
}

/* The column of a bar that a time falls into. */
static int column(double time, double total)
{
    int c = total > 0 ? (int)(time / total * BAR) : 0;

    return c < 0 ? 0 : c >= BAR ? BAR - 1 : c;
}

static void print_bar(FILE *out, const struct style *style, const struct row *row, double begun,
                      double total)
{
    const double *at = row->times.at;
    int start = column(at[MARK_BEGUN] - begun, total), end = column(at[MARK_ENDED] - begun, total);
    int answered = at[MARK_ANSWERED] > 0 ? column(at[MARK_ANSWERED] - begun, total) : end;

    repeat(out, "", " ", start);
    repeat(out, style->dim, style->waiting, answered - start);
    repeat(out, style->good, style->receiving, end - answered);
    if (row->error[0])
        repeat(out, style->bad, style->failed, 1);
    else
        repeat(out, style->good, style->receiving, 1);
    fputs(style->plain, out);
}

/* How long a request took; 0 if it never came to its end. */
static double cost(const struct row *row)
{
    const double *at = row->times.at;

    return at[MARK_ENDED] > 0 ? at[MARK_ENDED] - at[MARK_BEGUN] : 0;
}

static void print_row(FILE *out, const struct style *style, const struct record *record, size_t i)
{
    const struct row *row = &record->rows[i];
    double begun = row->times.at[MARK_BEGUN];
    char status[16] = "-";

    if (row->status)
        snprintf(status, sizeof status, "%d", row->status);
    fprintf(out, "%4zu %6s %10" PRIu64 " %8.1f %8.1f  ", i + 1, status, row->bytes,
            begun > 0 ? (begun - record->begun) * 1e3 : 0, cost(row) * 1e3);
    print_bar(out, style, row, record->begun, record->ended - record->begun);
    fputc('\n', out);
    if (row->error[0])
        fprintf(out, "     %s%s%s\n", style->bad, row->error, style->plain);
}

void report_print(FILE *out, const struct record *record)
{
    struct style style = choose_style(out);
    double total = record->ended - record->begun, sum = 0;
    const char *title = "";
    size_t failed = 0;

    fprintf(out, "%4s %6s %10s %8s %8s  0 ms%*.1f ms\n", "#", "status", "bytes", "start ms",
            "time ms", BAR - 7, total * 1e3);
    for (size_t i = 0; i < record->count; i++) {
        const struct row *row = &record->rows[i];

        if (strcmp(row->title, title) != 0)
            fprintf(out, "%s\n", title = row->title);
        print_row(out, &style, record, i);
        sum += cost(row);
        failed += row->error[0] != '\0';
    }
    fprintf(out, "\n%s%s%s waiting  %s%s%s receiving", style.dim, style.waiting, style.plain,
            style.good, style.receiving, style.plain);
    if (failed)
        fprintf(out, "  %s%s%s failed: %zu", style.bad, style.failed, style.plain, failed);
    fprintf(out, "\nOne after the other: %.3f seconds\n", sum);
    fprintf(out, "Request Times: %zu, Total Cost: %.3f seconds\n", record->count, total);
}

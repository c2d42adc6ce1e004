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

static void print_bar(FILE *out, const struct style *style, const struct report_row *row,
                      double total)
{
    int start = column(row->start, total), end = column(row->end, total);
    int answered = row->answered > 0 ? column(row->answered, total) : end;

    repeat(out, "", " ", start);
    repeat(out, style->dim, style->waiting, answered - start);
    repeat(out, style->good, style->receiving, end - answered);
    if (row->error[0])
        repeat(out, style->bad, style->failed, 1);
    else
        repeat(out, style->good, style->receiving, 1);
    fputs(style->plain, out);
}

static void print_row(FILE *out, const struct style *style, size_t number,
                      const struct report_row *row, double total)
{
    char status[16] = "-";

    if (row->status)
        snprintf(status, sizeof status, "%d", row->status);
    fprintf(out, "%4zu %6s %10" PRIu64 " %8.1f %8.1f  ", number, status, row->bytes,
            row->start * 1e3, (row->end - row->start) * 1e3);
    print_bar(out, style, row, total);
    fputc('\n', out);
    if (row->error[0])
        fprintf(out, "     %s%s%s\n", style->bad, row->error, style->plain);
}

void report_print(FILE *out, const struct report_row *rows, size_t count, double total)
{
    struct style style = choose_style(out);
    const char *title = "";
    double sum = 0;
    size_t failed = 0;

    fprintf(out, "%4s %6s %10s %8s %8s  0 ms%*.1f ms\n", "#", "status", "bytes", "start ms",
            "time ms", BAR - 7, total * 1e3);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].title, title) != 0)
            fprintf(out, "%s\n", title = rows[i].title);
        print_row(out, &style, i + 1, &rows[i], total);
        sum += rows[i].end - rows[i].start;
        failed += rows[i].error[0] != '\0';
    }
    fprintf(out, "\n%s%s%s waiting  %s%s%s receiving", style.dim, style.waiting, style.plain,
            style.good, style.receiving, style.plain);
    if (failed)
        fprintf(out, "  %s%s%s failed: %zu", style.bad, style.failed, style.plain, failed);
    fprintf(out, "\nOne after the other: %.3f seconds\n", sum);
    fprintf(out, "Request Times: %zu, Total Cost: %.3f seconds\n", count, total);
}

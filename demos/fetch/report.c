#define _POSIX_C_SOURCE 200809L
#include "report.h"

#include <inttypes.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "output.h"

enum { BAR_LEAST = 20 }; /* below it, two of the columns before the bar have to go */

/* "12    200  1024      0.1    50.9  " and the bar: as wide as the output. */
struct layout {
    int number, bytes, time; /* columns */
    bool has_all;            /* also bytes, and when it has begun */
    int bar;
};

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

static int at_least(int least, int width)
{
    return width < least ? least : width;
}

static struct layout choose_layout(FILE *out, const struct record *record, double total)
{
    struct layout l = {.has_all = true};
    uint64_t most = 0;

    for (size_t i = 0; i < record->count; i++)
        most = record->rows[i].bytes > most ? record->rows[i].bytes : most;
    l.number = at_least(2, snprintf(NULL, 0, "%zu", record->count));
    l.bytes = at_least(5, snprintf(NULL, 0, "%" PRIu64, most));
    l.time = at_least(8, snprintf(NULL, 0, "%.1f", total * 1e3));
    l.bar = output_width(out) - (l.number + 1 + 6 + 1 + l.bytes + 1 + l.time + 1 + l.time + 2);
    if (l.bar < BAR_LEAST) {
        l.has_all = false;
        l.bar = at_least(BAR_LEAST, l.bar + 1 + l.bytes + 1 + l.time);
    }
    return l;
}

static void repeat(FILE *out, const char *colour, const char *text, int count)
{
    if (count <= 0)
        return;
    fputs(colour, out);
    while (count-- > 0)
        fputs(text, out);
}

/* What a row is printed with. */
struct page {
    FILE *out;
    const struct record *record;
    double total; /* seconds */
    struct layout layout;
    struct style style;
};

/* The column of the bar that a time falls into. */
static int column(const struct page *p, double time)
{
    int bar = p->layout.bar;
    int c = p->total > 0 ? (int)((time - p->record->begun) / p->total * bar) : 0;

    return c < 0 ? 0 : c >= bar ? bar - 1 : c;
}

static void print_bar(const struct page *p, const struct row *row)
{
    const struct style *style = &p->style;
    const double *at = row->times.at;
    int start = column(p, at[MARK_BEGUN]), end = column(p, at[MARK_ENDED]);
    int answered = at[MARK_ANSWERED] > 0 ? column(p, at[MARK_ANSWERED]) : end;

    if (at[MARK_BEGUN] == 0)
        return;
    repeat(p->out, "", " ", start);
    repeat(p->out, style->dim, style->waiting, answered - start);
    repeat(p->out, style->good, style->receiving, end - answered);
    if (row->error[0])
        repeat(p->out, style->bad, style->failed, 1);
    else
        repeat(p->out, style->good, style->receiving, 1);
    fputs(style->plain, p->out);
}

/* How long a request took; 0 if it never came to its end. */
static double cost(const struct row *row)
{
    const double *at = row->times.at;

    return at[MARK_ENDED] > 0 ? at[MARK_ENDED] - at[MARK_BEGUN] : 0;
}

static void print_head(const struct page *p)
{
    const struct layout *l = &p->layout;

    fprintf(p->out, "%*s status", l->number, "#");
    if (l->has_all)
        fprintf(p->out, " %*s %*s", l->bytes, "bytes", l->time, "start ms");
    fprintf(p->out, " %*s  0 ms%*.1f ms\n", l->time, "time ms", l->bar - 7, p->total * 1e3);
}

static void print_row(const struct page *p, size_t i)
{
    const struct row *row = &p->record->rows[i];
    const struct layout *l = &p->layout;
    double begun = row->times.at[MARK_BEGUN];
    char status[16] = "-";

    if (row->status)
        snprintf(status, sizeof status, "%d", row->status);
    fprintf(p->out, "%*zu %6s", l->number, i + 1, status);
    if (l->has_all)
        fprintf(p->out, " %*" PRIu64 " %*.1f", l->bytes, row->bytes, l->time,
                begun > 0 ? (begun - p->record->begun) * 1e3 : 0);
    fprintf(p->out, " %*.1f  ", l->time, cost(row) * 1e3);
    print_bar(p, row);
    fputc('\n', p->out);
    if (row->error[0])
        fprintf(p->out, "%*s %s%s%s\n", l->number, "", p->style.bad, row->error, p->style.plain);
}

void report_print(FILE *out, const struct record *record, bool has_titles)
{
    double total = record->ended - record->begun, sum = 0;
    struct page page = {out, record, total, choose_layout(out, record, total), choose_style(out)};
    const struct style *style = &page.style;
    size_t failed = record_failed(record);
    const char *title = "";

    print_head(&page);
    for (size_t i = 0; i < record->count; i++) {
        const struct row *row = &record->rows[i];

        if (has_titles && strcmp(row->title, title) != 0)
            fprintf(out, "%s\n", title = row->title);
        print_row(&page, i);
        sum += cost(row);
    }
    fprintf(out, "One after the other: %.3f seconds   %s%s%s waiting  %s%s%s receiving", sum,
            style->dim, style->waiting, style->plain, style->good, style->receiving, style->plain);
    if (failed)
        fprintf(out, "  %s%s%s failed: %zu", style->bad, style->failed, style->plain, failed);
    fprintf(out, "\nRequest Times: %zu, Total Cost: %.3f seconds\n", record->count, total);
}

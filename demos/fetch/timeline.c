#define _POSIX_C_SOURCE 200809L
#include "timeline.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* In pixels.  From the top: title, legend, labels of the axis, runs, labels. */
enum {
    WIDTH = 1000,
    LEFT = 150, /* of the axis; the runs' names are left of it */
    RIGHT = 956,
    TOP = 104,
    LEAST = 40, /* a run's height: two lines of text */
    PITCH = 16, /* from one row to the next, where a run has the picture to itself, */
    CLOSE = 5,  /* and with several runs, or many rows, */
    DENSE = 2,  /* and with both */
    GAP = 14,
    BOTTOM = 44,
    LEAST_PART = 2, /* of a bar: a connect takes no time on this scale, but it took place */
    MOST_ROWS = 200 /* more than that could not be told apart */
};

struct picture {
    FILE *file;
    const char *title;
    bool is_alone;   /* one run */
    double blocking; /* what the first run took: the others are so many times as fast */
    double total;    /* seconds on the axis */
    double step;     /* between two lines */
    double end;      /* of the runs, in pixels */
};

static const struct phase {
    const char *name, *light, *dark;
} phases[] = {
    /* Okabe and Ito's colours, which the colour-blind tell apart; in a wait nothing happens: grey */
    {"connect", "#0072b2", "#56b4e9"},
    {"send", "#1f2328", "#ffffff"},
    {"wait", "#a8b1bb", "#59636e"},
    {"receive", "#009e73", "#2bc79b"},
};
enum { PHASES = sizeof phases / sizeof *phases };

static void put_text(FILE *file, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", file);
            break;
        case '>':
            fputs("&gt;", file);
            break;
        case '&':
            fputs("&amp;", file);
            break;
        case '"':
            fputs("&quot;", file);
            break;
        default: /* a URL's bytes beyond ASCII need not be UTF-8 */
            fputc((unsigned char)*text < 0x80 && (unsigned char)*text >= ' ' ? *text : '?', file);
        }
}

/* ---- where things are --------------------------------------------------------------------------- */

static double x_of(const struct picture *p, double seconds)
{
    return LEFT + seconds / p->total * (RIGHT - LEFT);
}

static size_t rows_of(const struct record *record)
{
    return record->count < MOST_ROWS ? record->count : MOST_ROWS;
}

/* From one row to the next. */
static int pitch_of(const struct picture *p, const struct record *record)
{
    bool is_long = rows_of(record) > 40;

    return p->is_alone && !is_long ? PITCH : p->is_alone || !is_long ? CLOSE : DENSE;
}

static double height_of(const struct picture *p, const struct record *record)
{
    double height = pitch_of(p, record) * (double)rows_of(record);

    return height < LEAST ? LEAST : height;
}

/* A step of 1, 2 or 5 with zeros, of which five to ten make the axis. */
static double step_of(double total)
{
    double ten = 1e-6;

    while (ten * 10 < total / 10)
        ten *= 10;
    return total / 10 <= ten       ? ten
           : total / 10 <= 2 * ten ? 2 * ten
           : total / 10 <= 5 * ten ? 5 * ten
                                   : 10 * ten;
}

/* ---- the frame ---------------------------------------------------------------------------------- */

static void put_style(FILE *file)
{
    fputs("<style>\n"
          "text { font-family: system-ui, sans-serif; font-size: 12px; fill: #1f2328 }\n"
          ".title { font-size: 17px; font-weight: 600 }\n"
          ".name { font-size: 14px; font-weight: 600 }\n"
          ".number { font-size: 10px }\n"
          ".dim { fill: #59636e }\n"
          ".page { fill: #ffffff }\n"
          ".run { fill: #f3f5f7 }\n"
          ".line { stroke: #d1d9e0; stroke-width: 1 }\n"
          ".failed { fill: #d55e00 }\n",
          file);
    for (size_t i = 0; i < PHASES; i++)
        fprintf(file, ".%s { fill: %s }\n", phases[i].name, phases[i].light);
    fputs("@media (prefers-color-scheme: dark) {\n"
          "text { fill: #e6edf3 }\n"
          ".dim { fill: #9198a1 }\n"
          ".page { fill: #0d1117 }\n"
          ".run { fill: #161b22 }\n"
          ".line { stroke: #30363d }\n"
          ".failed { fill: #ff8b3d }\n",
          file);
    for (size_t i = 0; i < PHASES; i++)
        fprintf(file, ".%s { fill: %s }\n", phases[i].name, phases[i].dark);
    fputs("}\n</style>\n", file);
}

static void put_legend(FILE *file, bool has_failed)
{
    double x = LEFT;

    for (size_t i = 0; i < PHASES; i++, x += 90)
        fprintf(file,
                "<rect class=\"%s\" x=\"%g\" y=\"50\" width=\"12\" height=\"12\"/>"
                "<text x=\"%g\" y=\"61\">%s</text>\n",
                phases[i].name, x, x + 18, phases[i].name);
    if (has_failed)
        fprintf(file,
                "<rect class=\"failed\" x=\"%g\" y=\"50\" width=\"12\" height=\"12\"/>"
                "<text x=\"%g\" y=\"61\">failed</text>\n",
                x, x + 18);
    fprintf(file,
            "<text class=\"dim\" x=\"%d\" y=\"61\" text-anchor=\"end\">"
            "a row for each request; each part at least 2 px wide</text>\n",
            RIGHT);
}

static void put_axis(const struct picture *p)
{
    for (int i = 0; i * p->step <= p->total * 1.0001; i++) {
        double x = x_of(p, i * p->step), ms = i * p->step * 1e3;
        const char *unit = (i + 1) * p->step > p->total * 1.0001 ? " ms" : "";

        fprintf(p->file,
                "<line class=\"line\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%.1f\"/>"
                "<text class=\"dim\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g%s</text>"
                "<text class=\"dim\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%g%s</text>\n",
                x, x, TOP - 10, p->end + 2, x, TOP - 16, ms, unit, x, p->end + 18, ms, unit);
    }
}

/* ---- a run -------------------------------------------------------------------------------------- */

static void put_bar(const struct picture *p, const struct record *record, size_t i, double y)
{
    const struct row *row = &record->rows[i];
    const double *at = row->times.at;
    double x = x_of(p, at[MARK_BEGUN] - record->begun), height = pitch_of(p, record) * 0.8;

    if (at[MARK_BEGUN] == 0)
        return;
    fprintf(p->file, "<g><title>request %zu, ", i + 1);
    put_text(p->file, row->title);
    for (size_t k = 0; k < PHASES && at[k + 1] > 0; k++)
        fprintf(p->file, ", %s %.1f ms", phases[k].name, (at[k + 1] - at[k]) * 1e3);
    if (row->error[0]) {
        fputs(": ", p->file);
        put_text(p->file, row->error);
    }
    fputs("</title>", p->file);
    for (size_t k = 0; k < PHASES; k++) {
        bool is_last = at[k + 1] == 0; /* it came no further */
        double to = is_last ? at[MARK_ENDED] : at[k + 1];
        double end = to > 0 ? x_of(p, to - record->begun) : x;
        double part = k == MARK_SENT ? height / 2 : height; /* a wait begins there */

        end = end < x + LEAST_PART ? x + LEAST_PART : end;
        fprintf(p->file, "<rect class=\"%s\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%g\"/>",
                phases[k].name, x, y + (height - part) / 2, end - x, part);
        x = end;
        if (is_last)
            break;
    }
    if (row->error[0])
        fprintf(p->file, "<rect class=\"failed\" x=\"%.2f\" y=\"%.1f\" width=\"4\" height=\"%g\"/>",
                x, y, height);
    fputs("</g>\n", p->file);
}

/* Left of a run that has the picture to itself, each row's, or every tenth one's. */
static void put_number(const struct picture *p, const struct record *record, size_t i, double y)
{
    int pitch = pitch_of(p, record);

    if (p->is_alone && (pitch == PITCH || i == 0 || i % 10 == 9))
        fprintf(p->file,
                "<text class=\"number dim\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%zu</text>\n",
                LEFT - 6, y + pitch * 0.4 + 4, i + 1);
}

static void put_run(const struct picture *p, const struct timeline_run *run, double y)
{
    const struct record *record = run->record;
    double total = record->ended - record->begun;

    fprintf(p->file, "<text class=\"name\" x=\"16\" y=\"%.1f\">", y + 14);
    put_text(p->file, run->title);
    fprintf(p->file, "</text><text class=\"dim\" x=\"16\" y=\"%.1f\">%.0f ms", y + 32, total * 1e3);
    if (!p->is_alone && total > 0)
        fprintf(p->file, ", %.1fx", p->blocking / total);
    fputs("</text>\n", p->file);
    if (record->count > MOST_ROWS)
        fprintf(p->file, "<text class=\"dim\" x=\"16\" y=\"%.1f\">the first %d</text>\n", y + 50,
                MOST_ROWS);
    for (size_t i = 0; i < rows_of(record); i++) {
        put_bar(p, record, i, y + (double)i * pitch_of(p, record));
        put_number(p, record, i, y + (double)i * pitch_of(p, record));
    }
}

/* ---- all of it ---------------------------------------------------------------------------------- */

static void put_picture(struct picture *p, const struct timeline_run *runs, size_t count,
                        bool has_failed)
{
    double y = TOP;

    fprintf(p->file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" width=\"%d\" "
            "height=\"%.0f\" role=\"img\">\n<title>",
            WIDTH, p->end + BOTTOM, WIDTH, p->end + BOTTOM);
    put_text(p->file, p->title);
    fputs(", in time</title>\n", p->file);
    put_style(p->file);
    fputs("<rect class=\"page\" width=\"100%\" height=\"100%\"/>\n"
          "<text class=\"title\" x=\"16\" y=\"30\">",
          p->file);
    put_text(p->file, p->title);
    fputs("</text>\n", p->file);
    put_legend(p->file, has_failed);
    for (size_t i = 0; i < count; y += height_of(p, runs[i++].record) + GAP)
        fprintf(p->file, "<rect class=\"run\" x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\"/>\n",
                LEFT, y - 4, RIGHT - LEFT + 8, height_of(p, runs[i].record) + 8);
    put_axis(p);
    y = TOP;
    for (size_t i = 0; i < count; y += height_of(p, runs[i++].record) + GAP)
        put_run(p, &runs[i], y);
    fputs("</svg>\n", p->file);
}

/* As one block: so what a failing write says is not lost on the way. */
static int write_block(FILE *file, const char *text, size_t size)
{
    int error = fwrite(text, 1, size, file) < size ? -errno : 0;

    if (fclose(file) != 0 && !error)
        error = -errno;
    return error;
}

int timeline_write(FILE *file, const char *title, const struct timeline_run *runs, size_t count)
{
    struct picture picture = {.title = title, .total = 1e-3, .end = TOP - GAP};
    bool has_failed = false;
    char *text = NULL;
    size_t size;
    int error;

    picture.file = open_memstream(&text, &size);
    if (!picture.file) {
        fclose(file);
        return -ENOMEM;
    }
    picture.is_alone = count == 1;
    picture.blocking = runs[0].record->ended - runs[0].record->begun;
    for (size_t i = 0; i < count; i++) {
        const struct record *record = runs[i].record;
        double total = record->ended - record->begun;

        picture.total = total > picture.total ? total : picture.total;
        picture.end += height_of(&picture, record) + GAP;
        has_failed = has_failed || record_failed(record) > 0;
    }
    picture.step = step_of(picture.total);
    picture.end += 4;
    put_picture(&picture, runs, count, has_failed);
    error = fclose(picture.file) != 0 ? -ENOMEM : write_block(file, text, size);
    free(text);
    return error;
}

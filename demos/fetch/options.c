#define _POSIX_C_SOURCE 200809L
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weft.h>
#include "mode.h"
#include "output.h"

static const char usage[] = "usage: fetch [options] [URL...]\n"
                            "       fetch --ladder [options] [URL...]\n"
                            "       fetch --serve [PORT]\n";
static const char help[] =
    "\n"
    "Fetches URLs (http://host[:port]/path), all at once, and shows when each ran.\n"
    "Without a URL: 20 requests to a server of its own, which takes 50 ms to answer.\n"
    "\n"
    "  -n, --requests N     requests to each URL (1; without a URL 20)\n"
    "  -m, --mode MODE      how to fetch: blocking, processes, threads, poll, select;\n"
    "                       on weft: generator (the default), explicit, yield-from,\n"
    "                       native\n"
    "      --ladder         eight of them, one after the other, and what each took\n"
    "  -t, --timeout TIME   for each request (30 s; 0: none)\n"
    "  -d, --delay TIME     how long its own server takes (50 ms)\n"
    "  -o, --output FILE    write the first body there\n"
    "  -s, --save DIR       write all bodies there: DIR/1, DIR/2, ...\n"
    "      --timeline FILE  draw what each request did and when, as an SVG picture\n"
    "      --trace FILE     write what weft's tasks did, for ui.perfetto.dev\n"
    "      --serve          be the server only, until SIGINT, SIGTERM or the end of\n"
    "                       the input (which /dev/null has reached)\n"
    "  -h, --help           show this\n"
    "\n"
    "A TIME is in seconds, or with a unit: 0.05, 2s, 50ms.\n"
    "Exits with 0; 1 if a request failed, or the output could not be written; 2 if\n"
    "the arguments are wrong; 130 after Ctrl-C, 143 after SIGTERM: the requests end,\n"
    "and what they have brought is shown.\n";

static WEFT_NORETURN void refuse(const char *name, const char *value, const char *why)
{
    fprintf(stderr, "fetch: %s: '%s': %s\n%sTry 'fetch --help'.\n", name, value, why, usage);
    exit(EXIT_USAGE);
}

static long read_count(const char *name, const char *text, long least, long most)
{
    char *end, why[64];
    long number;

    errno = 0;
    number = strtol(text, &end, 10);
    if (end == text || *end || errno || number < least || number > most) {
        snprintf(why, sizeof why, "expected a number from %ld to %ld", least, most);
        refuse(name, text, why);
    }
    return number;
}

static double read_time(const char *name, const char *text)
{
    char *end;
    double seconds = strtod(text, &end);

    if (strcmp(end, "ms") == 0)
        seconds /= 1000;
    if (end == text || (*end && strcmp(end, "ms") != 0 && strcmp(end, "s") != 0) ||
        !(seconds >= 0 && seconds <= 1e6))
        refuse(name, text, "expected a time, as 0.05, 2s or 50ms");
    return seconds;
}

static const struct mode *read_mode(const char *name, const char *text)
{
    const struct mode *mode = mode_find(text);

    if (!mode)
        refuse(name, text,
               "expected blocking, processes, threads, poll, select, generator, explicit,\n"
               "yield-from or native");
    return mode;
}

static void read_urls(struct options *options, int count, char **texts)
{
    const char *problem;

    options->urls = calloc((size_t)count, sizeof *options->urls);
    if (!options->urls) {
        fputs("fetch: out of memory\n", stderr);
        exit(EXIT_FAILED);
    }
    for (; options->url_count < (size_t)count; options->url_count++)
        if (!url_parse(&options->urls[options->url_count], texts[options->url_count], &problem))
            refuse("URL", texts[options->url_count], problem);
}

/* What does not go together. */
static void check(const struct options *options)
{
    if (options->ladder && options->mode)
        refuse("--ladder", options->mode->name, "it runs all modes");
    if (options->ladder && (options->output || options->save))
        refuse("--ladder", options->output ? options->output : options->save,
               "each mode would write the files of the one before");
    if (options->trace && options->mode && !options->mode->fetch)
        refuse("--trace", options->mode->name, "this mode has no tasks");
}

enum { SERVE = 256, LADDER, TIMELINE, TRACE };

/* Takes one option.  Returns false if it is none. */
static bool read_option(struct options *options, int letter)
{
    switch (letter) {
    case 'n':
        options->count = (size_t)read_count("-n", optarg, 1, 100000);
        return true;
    case 'm':
        options->mode = read_mode("--mode", optarg);
        return true;
    case 't':
        options->timeout = read_time("--timeout", optarg);
        if (options->timeout == 0)
            options->timeout = WEFT_NEVER;
        return true;
    case 'd':
        options->delay = read_time("--delay", optarg);
        return true;
    case 'o':
        options->output = optarg;
        return true;
    case 's':
        options->save = optarg;
        return true;
    case LADDER:
        options->ladder = true;
        return true;
    case TIMELINE:
        options->timeline = optarg;
        return true;
    case TRACE:
        options->trace = optarg;
        return true;
    case SERVE:
        options->serve = true;
        return true;
    default:
        return false;
    }
}

void options_read(struct options *options, int argc, char **argv)
{
    static const struct option names[] = {
        {"requests", required_argument, NULL, 'n'}, {"mode", required_argument, NULL, 'm'},
        {"timeout", required_argument, NULL, 't'},  {"delay", required_argument, NULL, 'd'},
        {"output", required_argument, NULL, 'o'},   {"save", required_argument, NULL, 's'},
        {"ladder", no_argument, NULL, LADDER},      {"timeline", required_argument, NULL, TIMELINE},
        {"trace", required_argument, NULL, TRACE},  {"serve", no_argument, NULL, SERVE},
        {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0},
    };
    int letter;

    *options = (struct options){.timeout = 30, .delay = 0.05};
    while ((letter = getopt_long(argc, argv, "n:m:t:d:o:s:h", names, NULL)) != -1) {
        if (letter == 'h') {
            printf("%s%s", usage, help);
            exit(output_end(EXIT_SUCCESS));
        }
        if (!read_option(options, letter)) { /* getopt has said what is wrong */
            fprintf(stderr, "%sTry 'fetch --help'.\n", usage);
            exit(EXIT_USAGE);
        }
    }
    argc -= optind;
    argv += optind;
    if (options->serve) {
        if (argc > 1)
            refuse("--serve", argv[1], "one port at most");
        if (argc == 1)
            options->port = (int)read_count("--serve", argv[0], 0, 65535);
        return;
    }
    check(options);
    if (!options->mode)
        options->mode = mode_find("generator");
    if (options->count == 0)
        options->count = argc && !options->ladder ? 1 : 20;
    if (argc)
        read_urls(options, argc, argv);
}

const char *options_describe(const struct options *options, char *text, size_t room)
{
    size_t count = options->count * options->url_count;
    int size;

    if (options->url_count == 1)
        size = snprintf(text, room, "%zu request%s to %s", count, count == 1 ? "" : "s",
                        options->urls[0].text);
    else
        size = snprintf(text, room, "%zu requests to %zu URLs", count, options->url_count);
    if ((size_t)size >= room)
        strcpy(text + room - sizeof "...", "...");
    return text;
}

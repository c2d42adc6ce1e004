#define _POSIX_C_SOURCE 200809L
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct mode modes[] = {
    {"generator", "client_generator.c", generator_fetch},
    {"yield-from", "client_yield_from.c", yield_from_fetch},
    {"explicit", "client_explicit.c", explicit_fetch},
};

static const char usage[] =
    "usage: fetch [options] [URL...]\n"
    "       fetch --serve [PORT]\n"
    "\n"
    "Fetches URLs (http://host[:port]/path), all at once, and shows when each request ran.\n"
    "Without a URL: 20 requests to a server of its own, which takes 50 ms to answer.\n"
    "\n"
    "  -n, --requests N     requests to each URL (1; without a URL 20)\n"
    "  -m, --mode MODE      generator, yield-from or explicit: which form of the client\n"
    "  -t, --timeout TIME   for each request (30 s; 0: none)\n"
    "  -d, --delay TIME     how long its own server takes (50 ms)\n"
    "  -o, --output FILE    write the first body there\n"
    "  -s, --save DIR       write all bodies there: DIR/1, DIR/2, ...\n"
    "      --serve          be the server only, until the end of the input\n"
    "  -h, --help           show this\n"
    "\n"
    "A TIME is in seconds, or with a unit: 0.05, 2s, 50ms.\n"
    "Exits with 0; 1 if a request failed; 2 if the arguments are wrong.\n";

static WEFT_NORETURN void refuse(const char *name, const char *value, const char *why)
{
    fprintf(stderr, "fetch: %s: '%s': %s\nTry 'fetch --help'.\n", name, value, why);
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
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(modes[i].name, text) == 0)
            return &modes[i];
    refuse(name, text, "expected generator, yield-from or explicit");
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

void options_read(struct options *options, int argc, char **argv)
{
    enum { SERVE = 256 };
    static const struct option names[] = {
        {"requests", required_argument, NULL, 'n'},
        {"mode", required_argument, NULL, 'm'},
        {"timeout", required_argument, NULL, 't'},
        {"delay", required_argument, NULL, 'd'},
        {"output", required_argument, NULL, 'o'},
        {"save", required_argument, NULL, 's'},
        {"serve", no_argument, NULL, SERVE},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int letter;

    *options = (struct options){.mode = &modes[0], .timeout = 30, .delay = 0.05};
    while ((letter = getopt_long(argc, argv, "n:m:t:d:o:s:h", names, NULL)) != -1)
        switch (letter) {
        case 'n':
            options->count = (size_t)read_count("-n", optarg, 1, 100000);
            break;
        case 'm':
            options->mode = read_mode("--mode", optarg);
            break;
        case 't':
            options->timeout = read_time("--timeout", optarg);
            if (options->timeout == 0)
                options->timeout = WEFT_NEVER;
            break;
        case 'd':
            options->delay = read_time("--delay", optarg);
            break;
        case 'o':
            options->output = optarg;
            break;
        case 's':
            options->save = optarg;
            break;
        case SERVE:
            options->serve = true;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(EXIT_SUCCESS);
        default: /* getopt has said what is wrong */
            fputs("Try 'fetch --help'.\n", stderr);
            exit(EXIT_USAGE);
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
    if (options->count == 0)
        options->count = argc ? 1 : 20;
    if (argc)
        read_urls(options, argc, argv);
}

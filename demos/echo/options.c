#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mode.h"
#include "report.h"

static const char usage[] = "usage: echo --ladder [options]\n"
                            "       echo --serve --mode MODE [--port PORT]\n"
                            "       echo --client [options] HOST:PORT\n";
static const char help[] =
    "\n"
    "A server that sends back in upper case what it receives, written in seven ways;\n"
    "and a client that drives any of them, and checks each byte.\n"
    "\n"
    "      --ladder           start each server in turn, drive it, and compare them\n"
    "      --serve            be a server, until SIGINT, SIGTERM or the end of the\n"
    "                         input (which /dev/null has reached)\n"
    "      --client           be the client\n"
    "      --mode MODE        1 blocking, 2 processes, 3 threads, 4 polling,\n"
    "                         5 select, 6 callbacks or 7 streams: by name or number\n"
    "  -p, --port PORT        listen there (any free one)\n"
    "  -c, --connections N    so many at once (50)\n"
    "  -m, --messages N       so many on each (100)\n"
    "  -s, --size BYTES       from 1 to so many bytes each (1024)\n"
    "      --seed N           for their sizes and contents (1)\n"
    "  -t, --timeout SECONDS  for each connection (30)\n"
    "  -h, --help             show this\n"
    "\n"
    "Exits with 0; 1 if an answer was wrong or did not come, or the output could not\n"
    "be written; 2 if the arguments are wrong.\n";

static WEFT_NORETURN void show_usage(void)
{
    fprintf(stderr, "%sTry 'echo --help'.\n", usage);
    exit(EXIT_USAGE);
}

static WEFT_NORETURN void refuse(const char *name, const char *value, const char *why)
{
    fprintf(stderr, "echo: %s: '%s': %s\n", name, value, why);
    show_usage();
}

static long read_number(const char *name, const char *text, long least, long most)
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

static double read_seconds(const char *name, const char *text)
{
    char *end;
    double seconds = strtod(text, &end);

    if (end == text || *end || !(seconds > 0 && seconds <= 1e6))
        refuse(name, text, "expected a number of seconds");
    return seconds;
}

static const struct mode *read_mode(const char *name, const char *text)
{
    for (int i = 0; i < MODES; i++)
        if (strcmp(modes[i].name, text) == 0 || (text[0] == '1' + i && !text[1]))
            return &modes[i];
    refuse(name, text, "expected a number from 1 to 7, or a name: see --help");
}

/* Splits HOST:PORT, in place. */
static void read_address(struct load *load, char *text)
{
    char *colon = strrchr(text, ':');

    if (!colon || colon == text)
        refuse("--client", text, "expected HOST:PORT");
    read_number("PORT", colon + 1, 1, 65535);
    *colon = '\0';
    load->host = text;
    load->service = colon + 1;
}

static void read_rest(struct options *options, int count, char **texts)
{
    if (!options->action)
        refuse("action", count ? texts[0] : "", "expected --ladder, --serve or --client");
    if (options->action == SERVE && !options->mode)
        refuse("--serve", "", "expected a --mode");
    if (options->action == CLIENT && count == 0)
        refuse("--client", "", "expected HOST:PORT");
    if (count > (options->action == CLIENT))
        refuse("argument", texts[count - 1], "expected no more");
    if (options->action == CLIENT)
        read_address(&options->load, texts[0]);
}

void options_read(struct options *options, int argc, char **argv)
{
    enum { MODE = 512, SEED };
    static const struct option names[] = {
        {"ladder", no_argument, NULL, LADDER},      {"serve", no_argument, NULL, SERVE},
        {"client", no_argument, NULL, CLIENT},      {"mode", required_argument, NULL, MODE},
        {"port", required_argument, NULL, 'p'},     {"connections", required_argument, NULL, 'c'},
        {"messages", required_argument, NULL, 'm'}, {"size", required_argument, NULL, 's'},
        {"seed", required_argument, NULL, SEED},    {"timeout", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0},
    };
    struct load *load = &options->load;
    int letter;

    *options = (struct options){.port = 0};
    *load = (struct load){.connections = 50, .messages = 100, .size = 1024, .seed = 1};
    load->timeout = 30;
    while ((letter = getopt_long(argc, argv, "p:c:m:s:t:h", names, NULL)) != -1)
        switch (letter) {
        case LADDER:
        case SERVE:
        case CLIENT:
            options->action = letter;
            break;
        case MODE:
            options->mode = read_mode("--mode", optarg);
            break;
        case 'p':
            options->port = (int)read_number("--port", optarg, 0, 65535);
            break;
        case 'c':
            load->connections = (size_t)read_number("-c", optarg, 1, 10000);
            break;
        case 'm':
            load->messages = (size_t)read_number("-m", optarg, 0, 100000000);
            break;
        case 's':
            load->size = (size_t)read_number("-s", optarg, 1, 1 << 26);
            break;
        case SEED:
            load->seed = (uint64_t)read_number("--seed", optarg, 0, 1L << 30);
            break;
        case 't':
            load->timeout = read_seconds("-t", optarg);
            break;
        case 'h':
            printf("%s%s", usage, help);
            exit(report_end(EXIT_SUCCESS));
        default: /* getopt has said what is wrong */
            show_usage();
        }
    read_rest(options, argc - optind, argv + optind);
}

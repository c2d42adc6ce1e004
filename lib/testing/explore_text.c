/* explore_text.c - schedules: the choices of a run as text, written and read.
 *
 * Each word stands for one point of the run, and is used where it stands; so a schedule that does not fit the
 * scenario is found at the first word that does not.  A point at which nothing but going on was chosen, with a
 * cancel as the other option, has no word.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "testing/explore.h"

/* ---- writing ---------------------------------------------------------------------------------------------- */

/* The word of a point; empty if it has none. */
static void word_of(const struct weft__point *point, char *word, size_t size)
{
    word[0] = 0;
    if (weft__point_is_cancel(point))
        snprintf(word, size, "c%u", point->task);
    else if (point->kind == WEFT__POINT_STEP)
        snprintf(word, size, "%u", point->choice);
    else if (point->kind == WEFT__POINT_TIME)
        snprintf(word, size, "t");
}

/* Append a word.  False: it does not fit, and the text ends in "..." now. */
static bool add_word(char *text, size_t size, const char *word)
{
    size_t length = strlen(text);

    if (length + 1 + strlen(word) + sizeof("...") < size) {
        snprintf(text + length, size - length, "%s%s", length ? " " : "", word);
        return true;
    }
    strcpy(text + length, " ...");
    return false;
}

static bool add_words(char *text, size_t size, const char *word, unsigned times)
{
    char many[32];

    if (times > 3) {
        snprintf(many, sizeof(many), "%s*%u", word, times);
        return add_word(text, size, many);
    }
    while (times-- > 0)
        if (!add_word(text, size, word))
            return false;
    return true;
}

void weft__schedule_write(const weft_explorer *explorer, char *text, size_t size)
{
    char last[16] = "", word[16];
    size_t count = explorer->count;
    unsigned times = 0;

    text[0] = 0;
    while (count && explorer->points[count - 1].choice == 0)
        count--;
    for (size_t i = 0; i < count; i++) {
        word_of(&explorer->points[i], word, sizeof(word));
        if (!word[0])
            continue;
        if (strcmp(word, last) != 0) {
            if (!add_words(text, size, last, times))
                return;
            strcpy(last, word);
            times = 0;
        }
        times++;
    }
    (void)add_words(text, size, last, times);
}

/* ---- reading ---------------------------------------------------------------------------------------------- */

/* Have the word that comes next at hand.  False: the schedule is at its end, or this is a search. */
static bool read_word(struct weft__script *script)
{
    const char *at = script->rest;
    char *end;

    if (script->left)
        return true;
    if (!at)
        return false;
    at += strspn(at, " ");
    if (!*at)
        return false;
    script->word = *at == 'c' ? WEFT__WORD_CANCEL : *at == 't' ? WEFT__WORD_TIME : WEFT__WORD_STEP;
    at += script->word != WEFT__WORD_STEP;
    end = (char *)(uintptr_t)at;
    if (script->word != WEFT__WORD_TIME && *at >= '0' && *at <= '9')
        script->number = strtoul(at, &end, 10);
    else if (script->word != WEFT__WORD_TIME)
        script->word = WEFT__WORD_NONE; /* it fits nowhere */
    script->left = *end == '*' ? strtoul(end + 1, &end, 10) : 1;
    if (script->left == 0) {
        script->word = WEFT__WORD_NONE;
        script->left = 1;
    }
    script->rest = end;
    return true;
}

static void misfit(weft_explorer *explorer)
{
    weft__explore_wrong(explorer, "the schedule does not fit the scenario, at choice %zu",
                        explorer->count);
    explorer->script = (struct weft__script){.rest = ""};
}

/* The option that the word at hand stands for; the number of options: none. */
static unsigned option_of(const struct weft__script *script, const struct weft__point *point,
                          const uint8_t *unfinished)
{
    unsigned option = 0;

    if (script->word == WEFT__WORD_CANCEL)
        option = weft__point_cancel(point, unfinished, script->number);
    else if (script->word == WEFT__WORD_STEP && point->kind == WEFT__POINT_STEP)
        return script->number < point->steps ? (unsigned)script->number : point->options;
    else if (script->word == WEFT__WORD_TIME && point->kind == WEFT__POINT_TIME)
        return 0;
    return option ? option : point->options;
}

unsigned weft__schedule_choice(weft_explorer *explorer, const struct weft__point *point,
                               const uint8_t *unfinished)
{
    struct weft__script *script = &explorer->script;
    unsigned option;

    if (!read_word(script))
        return 0;
    if (point->kind == WEFT__POINT_ON && script->word != WEFT__WORD_CANCEL)
        return 0; /* it is the next point's */
    option = option_of(script, point, unfinished);
    if (option == point->options) {
        misfit(explorer);
        return 0;
    }
    script->left--;
    return option;
}

void weft__schedule_end(weft_explorer *explorer)
{
    if (read_word(&explorer->script))
        misfit(explorer);
}

#define _POSIX_C_SOURCE 200809L
#include "http.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <weft.h>

WEFT_PRINTF(3, 4)
static int fail(struct http_response *response, int error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(response->problem, sizeof response->problem, format, arguments);
    va_end(arguments);
    return error;
}

/* ---- numbers ---------------------------------------------------------------------------------- */

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
}

/* Reads the digits at the front of a text: no sign, no blank, and no more than fits.
 * Returns what follows them, or NULL. */
static const char *read_number(const char *text, unsigned base, uint64_t *number)
{
    const char *start = text;

    for (*number = 0; (unsigned)digit_of(*text) < base; text++) {
        if (*number > (UINT64_MAX >> 1) / base - 1)
            return NULL;
        *number = *number * base + (unsigned)digit_of(*text);
    }
    return text == start ? NULL : text;
}

/* ---- the head ----------------------------------------------------------------------------------- */

static int on_status_line(struct http_response *response, const char *line)
{
    uint64_t status;
    const char *end;

    if (strncmp(line, "HTTP/1.", 7) != 0 || digit_of(line[7]) > 9 || line[8] != ' ')
        return fail(response, -EPROTO, "this is not an HTTP/1 answer");
    end = read_number(line + 9, 10, &status);
    if (!end || end - line != 12 || status < 100 || (*end && *end != ' '))
        return fail(response, -EPROTO, "bad status line");
    response->status = (int)status;
    response->has_length = response->is_chunked = false;
    response->state = HTTP_HEADER;
    return 0;
}

/* The last line of the head was empty: what does the body look like? */
static int on_head_end(struct http_response *response)
{
    int status = response->status;

    if (status < 200 && status != 101) {
        response->state = HTTP_STATUS_LINE; /* 100 Continue and the like: the answer follows */
    } else if (status == 101 || status == 204 || status == 304) {
        response->state = HTTP_COMPLETE;
    } else if (response->is_chunked) {
        response->state = HTTP_CHUNK_SIZE;
    } else if (response->has_length) {
        response->left = response->length;
        response->state = response->left ? HTTP_BODY_LENGTH : HTTP_COMPLETE;
    } else {
        response->state = HTTP_BODY_UNTIL_CLOSE;
    }
    return 0;
}

/* If a header has this name, returns its value. */
static const char *header_value(const char *line, const char *name)
{
    size_t length = strlen(name);

    if (strncasecmp(line, name, length) != 0 || line[length] != ':')
        return NULL;
    line += length + 1;
    return line + strspn(line, " \t");
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t")] == '\0';
}

static int on_header(struct http_response *response, const char *line)
{
    const char *value;
    uint64_t length;

    if (line[0] == '\0')
        return on_head_end(response);
    if ((value = header_value(line, "Content-Length"))) {
        value = read_number(value, 10, &length);
        if (!value || !is_blank(value) || (response->has_length && length != response->length))
            return fail(response, -EPROTO, "bad Content-Length");
        response->has_length = true;
        response->length = length;
    } else if ((value = header_value(line, "Transfer-Encoding"))) {
        if (strncasecmp(value, "chunked", 7) != 0 || !is_blank(value + 7))
            return fail(response, -EPROTO, "unknown Transfer-Encoding");
        response->is_chunked = true;
    } else if (!strchr(line, ':') && line[0] != ' ' && line[0] != '\t') {
        return fail(response, -EPROTO, "bad header line");
    }
    return 0;
}

/* ---- lines ---------------------------------------------------------------------------------------- */

static int on_chunk_size(struct http_response *response, const char *line)
{
    const char *end = read_number(line, 16, &response->left);

    if (!end || (*end && !strchr("; \t", *end)))
        return fail(response, -EPROTO, "bad chunk size");
    response->state = response->left ? HTTP_CHUNK_DATA : HTTP_TRAILER;
    return 0;
}

static int on_line(struct http_response *response, const char *line)
{
    switch (response->state) {
    case HTTP_STATUS_LINE:
        return on_status_line(response, line);
    case HTTP_HEADER:
        return on_header(response, line);
    case HTTP_CHUNK_SIZE:
        response->head_size = 0; /* there may be any number of chunks */
        return on_chunk_size(response, line);
    case HTTP_CHUNK_END:
        if (line[0])
            return fail(response, -EPROTO, "a chunk is longer than its size");
        response->state = HTTP_CHUNK_SIZE;
        return 0;
    case HTTP_TRAILER:
        if (!line[0])
            response->state = HTTP_COMPLETE;
        return 0;
    default:
        return -EINVAL; /* the others take no lines */
    }
}

static int append(struct http_response *response, const char *data, size_t size)
{
    size_t room = response->line_room ? response->line_room : 256;
    char *line;

    if (size > HTTP_HEAD_LIMIT - response->head_size)
        return fail(response, WEFT_EOVERRUN, "the header is larger than %d bytes", HTTP_HEAD_LIMIT);
    while (room - response->line_size <= size)
        room *= 2;
    if (room > response->line_room) {
        line = realloc(response->line, room);
        if (!line)
            return -ENOMEM;
        response->line = line;
        response->line_room = room;
    }
    memcpy(response->line + response->line_size, data, size);
    response->line_size += size;
    response->line[response->line_size] = '\0';
    response->head_size += size;
    return 0;
}

/* Takes bytes up to the end of the line; *taken says how many. */
static int take_line(struct http_response *response, const char *data, size_t size, size_t *taken)
{
    const char *end = memchr(data, '\n', size);
    int error;

    *taken = end ? (size_t)(end - data) + 1 : size;
    error = append(response, data, *taken);
    if (error || !end)
        return error;
    response->line[--response->line_size] = '\0';
    if (response->line_size > 0 && response->line[response->line_size - 1] == '\r')
        response->line[--response->line_size] = '\0';
    response->line_size = 0;
    return on_line(response, response->line);
}

/* ---- the body ----------------------------------------------------------------------------------- */

static int take_body(struct http_response *response, const char *data, size_t size, size_t *taken)
{
    bool has_end = response->state != HTTP_BODY_UNTIL_CLOSE;

    errno = 0;
    *taken = has_end && size > response->left ? (size_t)response->left : size;
    if (response->file && fwrite(data, 1, *taken, response->file) != *taken)
        return errno ? -errno : -EIO;
    response->bytes += *taken;
    if (!has_end)
        return 0;
    response->left -= *taken;
    if (response->left == 0)
        response->state = response->state == HTTP_CHUNK_DATA ? HTTP_CHUNK_END : HTTP_COMPLETE;
    return 0;
}

int http_receive(struct http_response *response, const char *data, size_t size)
{
    size_t taken;
    int error = 0;

    for (; size > 0 && response->state != HTTP_COMPLETE && !error; data += taken, size -= taken)
        error = response->state < HTTP_BODY_LENGTH ? take_line(response, data, size, &taken)
                                                   : take_body(response, data, size, &taken);
    return error;
}

int http_end(struct http_response *response)
{
    switch (response->state) {
    case HTTP_COMPLETE:
        return 0;
    case HTTP_BODY_UNTIL_CLOSE:
        response->state = HTTP_COMPLETE;
        return 0;
    case HTTP_STATUS_LINE:
    case HTTP_HEADER:
        if (response->head_size == 0)
            return fail(response, WEFT_EINCOMPLETE, "the server closed without an answer");
        return fail(response, WEFT_EINCOMPLETE, "the answer ended within its header");
    case HTTP_BODY_LENGTH:
        return fail(response, WEFT_EINCOMPLETE,
                    "the answer ended after %" PRIu64 " of %" PRIu64 " bytes", response->bytes,
                    response->length);
    default:
        return fail(response, WEFT_EINCOMPLETE,
                    "the chunked answer ended early, after %" PRIu64 " bytes", response->bytes);
    }
}

bool http_is_complete(const struct http_response *response)
{
    return response->state == HTTP_COMPLETE;
}

void http_free(struct http_response *response)
{
    free(response->line);
    response->line = NULL;
    response->line_size = response->line_room = 0;
}

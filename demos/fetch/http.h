/* An HTTP answer, read piece by piece as it comes off the wire.
 *
 *     http_receive(&response, chunk, n);     as often as bytes arrive
 *     http_end(&response);                   the server has closed
 *     http_is_complete(&response);           nothing more is to come
 *
 *     STATUS_LINE -> HEADER -+-> BODY_LENGTH ----------------------------+
 *          ^           |     +-> BODY_UNTIL_CLOSE -----------------------+
 *          +-- 100 ----+     +-> CHUNK_SIZE -> CHUNK_DATA -> CHUNK_END   +-> COMPLETE
 *                            |       ^  |                        |       |
 *                            |       +--|------------------------+       |
 *                            |          +-> TRAILER ---------------------+
 *                            +-> (no body) ------------------------------+
 *
 * The body goes to a file, or nowhere: an answer of any length takes the same memory.
 */
#ifndef FETCH_HTTP_H
#define FETCH_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum http_state {
    HTTP_STATUS_LINE, /* up to HTTP_BODY_LENGTH a line is awaited */
    HTTP_HEADER,
    HTTP_CHUNK_SIZE,
    HTTP_CHUNK_END,
    HTTP_TRAILER,
    HTTP_BODY_LENGTH, /* from here on, bytes of the body are */
    HTTP_BODY_UNTIL_CLOSE,
    HTTP_CHUNK_DATA,
    HTTP_COMPLETE
};

enum { HTTP_HEAD_LIMIT = 64 * 1024 };

/* Zero it.  `file` and what stands above it are for you. */
struct http_response {
    int status;       /* 200, 404, ...; 0: not there yet */
    uint64_t bytes;   /* of the body, so far */
    char problem[80]; /* what is wrong, if something is: a text for the error */
    FILE *file;       /* gets the body; or NULL */
    enum http_state state;
    uint64_t left;   /* to come of the body, or of this chunk of it */
    uint64_t length; /* the Content-Length */
    bool has_length, is_chunked;
    char *line; /* the line that is coming in: grows up to the limit */
    size_t line_size, line_room;
    size_t head_size; /* the lines so far, for the limit */
};

/* Take what has arrived.
 * Errors: -EPROTO: this is not HTTP; WEFT_EOVERRUN: its head is too large; the file's; -ENOMEM. */
int http_receive(struct http_response *response, const char *data, size_t size);

/* Take note that nothing more will arrive.  Errors: WEFT_EINCOMPLETE: something should have. */
int http_end(struct http_response *response);

bool http_is_complete(const struct http_response *response);

/* Free what it holds; the file stays yours. */
void http_free(struct http_response *response);

#endif

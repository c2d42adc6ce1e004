#define _POSIX_C_SOURCE 200809L
#include "request.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include "options.h"

void request_describe(struct request *r, const char *problem, int error)
{
    char *text = r->row->error;
    size_t room = sizeof r->row->error;

    if (problem && problem[0])
        snprintf(text, room, "%s (%s)", problem, weft_errname(error));
    else if (error == WEFT_ETIMEDOUT)
        snprintf(text, room, "no complete answer within %g seconds (%s)", r->options->timeout,
                 weft_errname(error));
    else
        snprintf(text, room, "%s (%s)", weft_strerror(error), weft_errname(error));
    if (islower((unsigned char)text[1]))
        text[0] = (char)tolower((unsigned char)text[0]);
}

/* Opens the file for the body, if there shall be one. */
static int open_file(const struct request *r, struct http_response *response)
{
    char path[4096];

    if (r->options->save)
        snprintf(path, sizeof path, "%s/%zu", r->options->save, r->number);
    else if (r->options->output && r->number == 1)
        snprintf(path, sizeof path, "%s", r->options->output);
    else
        return 0;
    response->file = fopen(path, "wb");
    if (response->file)
        return 0;
    snprintf(response->problem, sizeof response->problem, "can't write %.60s", path);
    return -errno;
}

int request_begin(struct request *r)
{
    int error;

    mark(&r->row->times, MARK_BEGUN);
    if (r->url->error)
        return r->url->error; /* its name did not resolve */
    r->client = calloc(1, sizeof *r->client);
    if (!r->client)
        return -ENOMEM;
    error = client_init(r->client, r->url, &r->row->times);
    if (error)
        return error;
    if (r->options->timeout != WEFT_NEVER)
        r->client->deadline = r->row->times.at[MARK_BEGUN] + r->options->timeout;
    return open_file(r, &r->client->response);
}

int request_end(struct request *r, int error)
{
    struct client *c = r->client;

    if (c) {
        if (c->response.file && fclose(c->response.file) != 0 && !error)
            error = -errno;
        c->response.file = NULL;
        r->row->status = c->response.status;
        r->row->bytes = c->response.bytes;
    }
    if (error)
        request_describe(r, c ? c->response.problem : NULL, error);
    request_drop(r);
    mark(&r->row->times, MARK_ENDED);
    return error;
}

void request_fetch(struct request *r, int (*fetch)(struct client *client))
{
    int error = request_begin(r);

    request_end(r, error ? error : fetch(r->client));
}

void request_drop(struct request *r)
{
    if (!r->client)
        return;
    if (r->client->response.file)
        fclose(r->client->response.file);
    client_free(r->client);
    free(r->client);
    r->client = NULL;
}

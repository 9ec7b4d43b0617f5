/* http1_body: where a body begins and ends among the bytes of a connection. Private to this folder;
 * no sockets, no memory. */
#ifndef NET_HTTP1_BODY_H
#define NET_HTTP1_BODY_H

#include <stdbool.h>
#include <stdint.h>
#include <trilby/types.h>

#define HTTP1_BODY_NONE 0
#define HTTP1_BODY_LENGTH 1
#define HTTP1_BODY_CHUNKED 2
#define HTTP1_BODY_TO_EOF 3         /* answers only */

struct http1_body {
    uint8_t kind, state;
    uint8_t digits;                 /* of the present chunk's size */
    uint32_t line;                  /* bytes of the present chunk line */
    uint32_t excess;                /* framing bytes that carried nothing */
    uint64_t left;                  /* of the length, or of the present chunk */
    uint32_t max_trailers;
};

#define HTTP1_BODY_MORE 0           /* nothing but what was skipped */
#define HTTP1_BODY_DATA 1           /* *ret_data, behind what was skipped; consume what you take of it */
#define HTTP1_BODY_END 2            /* *ret_data: trailer lines with their empty line, or empty; consume it */
#define HTTP1_BODY_BAD 3

void http1_body_begin(struct http1_body *, uint8_t kind, uint64_t length, uint32_t max_trailers);
/* Looks at bytes from where the last call (and what was taken) left off. *ret_skip bytes of framing
 * are to be consumed. Of DATA, tell what was taken by http1_body_took. */
int http1_body_next(struct http1_body *, struct trb_slice bytes, size_t *ret_skip,
                    struct trb_slice *ret_data);
void http1_body_took(struct http1_body *, size_t n);

#endif

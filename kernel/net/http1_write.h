/* http1_write: how heads and chunks are put together, for both sides. Private to this folder. */
#ifndef NET_HTTP1_WRITE_H
#define NET_HTTP1_WRITE_H

#include <net/http.h>
#include <net/stream.h>
#include <string.h>

static inline char *put(char *to, struct trb_slice s)
{
    if (s.len)
        memcpy(to, s.at, s.len);
    return to + s.len;
}

char *put_value(char *to, struct trb_slice);            /* what would end its line is a blank */
char *put_number(char *to, uint64_t value);
#define PUT_NUMBER_ROOM 20
/* Header lines; the codec's own (framing, persistence) and malformed names are left out. */
char *put_headers(char *to, const struct http_headers *, bool *ret_has_date);
size_t put_headers_room(const struct http_headers *);

void http1_write_chunk(struct stream *, struct trb_data);
void http1_write_last_chunk(struct stream *, const struct http_headers *trailers_or_null);

#endif

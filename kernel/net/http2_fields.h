/* http2_fields: header lists between this folder's form and nghttp2's. Private to this folder. */
#ifndef NET_HTTP2_FIELDS_H
#define NET_HTTP2_FIELDS_H

#include <net/http.h>
#include <nghttp2/nghttp2.h>

/* --- outgoing: nghttp2 copies when it is submitted ------------------------------------------- */
struct http2_fields {
    struct arena *arena;
    nghttp2_nv *at;
    size_t count, room;
};
/* room: how many will be added. */
void http2_fields_init(struct http2_fields *, struct arena *, size_t room);
void http2_fields_add(struct http2_fields *, struct trb_slice name, struct trb_slice value);
/* What HTTP/2 has no place for is left out: hop-by-hop headers, host, content-length, bad names. */
void http2_fields_add_all(struct http2_fields *, const struct http_headers *);
void http2_fields_add_length(struct http2_fields *, int64_t length);
/* Shortens gRPC's details, then its message, until the list is not larger than limit. */
void http2_fields_fit(struct http2_fields *, size_t limit);

/* --- incoming --------------------------------------------------------------------------------- */
struct http2_intake {
    size_t size, max;               /* counted as SETTINGS_MAX_HEADER_LIST_SIZE counts */
    bool has_length;
    uint64_t length;
};
/* Puts a field where it belongs: a pseudo header into head, all else into headers. false: too large. */
bool http2_intake_add(struct http2_intake *, struct arena *, struct http_head *head,
                      struct http_headers *headers, nghttp2_rcbuf *name, nghttp2_rcbuf *value);
/* The cookie crumbs become one header, as the rest of the world writes it. */
void http2_join_cookies(struct arena *, struct http_headers *);

#endif

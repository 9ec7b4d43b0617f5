/* http1_head: request and status lines with their headers, complete ones only. Strict: what two
 * readers could understand differently is refused. Private to this folder; no sockets. */
#ifndef NET_HTTP1_HEAD_H
#define NET_HTTP1_HEAD_H

#include <base/arena.h>
#include <net/http.h>

/* Why a request is refused: "<status> <reason>[: text]". */
struct http1_fault {
    int status;
    const char *text;               /* NULL: none */
};

/* What the head says about the connection and the body. */
struct http1_traits {
    bool keep_alive, chunked;
    bool expects_continue, expects_other;
    bool upgrades_h2c;              /* with all that belongs to it */
    struct trb_slice http2_settings;
};

/* Length of the head including its empty line, or 0 while it is not complete. *scanned remembers how
 * far earlier calls have looked. */
size_t http1_head_end(struct trb_slice bytes, size_t *scanned);

/* head is complete (as told above) and stays where it is: results are slices of it. headers.at/room
 * may be preset. false: refused, for the reason in *ret_fault. */
bool http1_request_parse(struct arena *, struct trb_slice head, struct http_head *ret_head,
                         struct http1_traits *ret_traits, struct http1_fault *ret_fault);
/* Is a first line that has arrived whole hopeless already? Only its form is looked at. */
bool http1_request_line_is_good(struct trb_slice line);

/* method: of the request, because HEAD's answer has no body. */
trb_code http1_response_parse(struct arena *, struct trb_slice head, struct trb_slice method,
                              struct http_head *ret_head, struct http1_traits *ret_traits,
                              struct trb_error *err);

/* Header lines only, up to the empty line at the end: trailers. */
bool http1_trailers_parse(struct arena *, struct trb_slice lines, struct http_headers *ret_headers);

/* Is the word in a comma-separated list? Letter case is ignored. */
bool http1_list_has(struct trb_slice list, struct trb_slice word);

#endif

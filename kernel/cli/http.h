/* http.h: one small HTTP/1.1 request to a sidecar, without blocking.
 * Not a client for the world: one answer per connection, no redirects, no TLS, a bounded body. */
#ifndef TRILBY_CLI_HTTP_H
#define TRILBY_CLI_HTTP_H

#include "cli/text.h"

struct http_place {                                 /* where a sidecar's API listens */
    char socket[108];                               /* a Unix socket; empty: TCP */
    char address[64];                               /* numeric */
    int port;
    const char *token;                              /* a bearer's, for the admin listener; or NULL */
    bool is_admin;                                  /* not the API: another token, other headers */
};

enum http_step { HTTP_IDLE, HTTP_SENDING, HTTP_READING, HTTP_DONE };

struct http_call {
    enum http_step step;
    int fd;
    int status; /* once done: the status, 0 when there was no answer */
    int error;                                      /* of errno's kind: why there was none */
    uint64_t deadline_ms;
    size_t sent;
    struct text out, in;
    struct text body;                               /* of the answer */
};

/* listen_addresses is the flag's value or NULL; socket_folder NULL or empty means TCP. */
void http_place_init(struct http_place *place, const char *socket_folder, const char *app_id,
                     const char *listen_addresses, int port);

void http_start(struct http_call *call, const struct http_place *place, const char *method,
                const char *path, const char *body, int timeout_ms);
short http_events(const struct http_call *call);    /* what poll() shall wait for */
void http_go_on(struct http_call *call);            /* after poll(), or when the deadline passed */
void http_fini(struct http_call *call);             /* idle again */

/* start, go on, until done: for commands that have nothing else to do.  The status. */
int http_ask(struct http_call *call, const struct http_place *place, const char *method,
             const char *path, const char *body, int timeout_ms);

#endif

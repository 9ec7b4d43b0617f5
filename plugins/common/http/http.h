/* http: the one HTTP client of components whose product speaks HTTP: libcurl's multi interface on the
 * instance's own loop. Keep-alive, bounded bodies, a deadline for each request, TLS, proxies as the
 * environment names them (HTTPS_PROXY, NO_PROXY, …). Not a browser: no cookies, no cache.
 *
 *     setup ──► http_create ──► http_ask ┄┄ answered(arg, answer, NULL) or (arg, NULL, err), once ┄┄►
 *
 * For components that run TRB_ON_LOOP or TRB_ON_ONE_LOOP; every function [loop]. A status such as 404 or
 * 500 is an answer; an error means that no whole answer came. Link with COMMON http base. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>
#include <trilby/plugin.h>

struct http;                /* a client: connections, and what is under way */
struct http_call;           /* one request under way */

struct http_tls {
    struct trb_slice ca_pem;                    /* authorities to trust; absent: ca_file */
    const char *ca_file;                        /* NULL: what SSL_CERT_FILE names, else the system's */
    struct trb_slice certificate_pem, key_pem;  /* our own; absent: none */
    const char *key_password;
    const char *server_name;                    /* expected of the server and sent as SNI; NULL: the URL's host */
    bool skip_verify;
};

struct http_setup {
    const struct trb_host *host;
    const struct trb_origin *origin;
    const char *product;                        /* begins the sentences of errors: "vault" */
    struct http_tls tls;                        /* texts and slices outlive the client */
    uint64_t max_answer_bytes;                  /* of a body, unless the request says; 0: 16 MiB */
    int64_t connect_timeout_ns;                 /* name, TCP and TLS; 0: 10 s */
    int64_t timeout_ns;                         /* of a request without a deadline; 0: 60 s; negative: none */
    uint32_t max_connections;                   /* to one server, others wait; 0: 32 */
    bool http2;                                 /* offered over TLS; off unless asked for */
    const char *user_agent;                     /* NULL: trilby */
    int64_t silence_ns;                         /* a request is given up when nothing moved for so long; 0: its timeout alone counts */
};

struct http *http_create(const struct http_setup *, struct trb_error *err);    /* NULL: err says why */
/* Inside stop, when the host has taken its watches and timers back. Who still waits is told. Returns NULL;
 * NULL is welcome. */
struct http *http_destroy(struct http *);

/* What came. Readable until answered returns. */
struct http_answer {
    uint32_t status;
    const char *reason;                         /* "Not Found"; "" where the server sends none */
    struct trb_pairs headers;                   /* of the last answer, in order, names as sent */
    struct trb_slice body;                      /* a NUL follows */
    bool is_cut;                                /* the body is longer than max_answer_bytes (request.cut) */
    const char *url;                            /* where redirects have led */
    struct http_call *call;
};
typedef void http_answered(void *arg, const struct http_answer *, const struct trb_error *err);

/* Proves who asks: adds headers to each request, when it has what that takes; see lease.h. */
struct http_signer {
    void *arg;
    /* Ends in http_signed, once, now or later. */
    void (*sign)(void *arg, struct http_call *);
    /* A call that waits for its signature is over. */
    void (*forget)(void *arg, struct http_call *);
    /* The server answered 401: true to sign and send once more. NULL: never. */
    bool (*refused)(void *arg, struct http_call *);
};

struct http_request {
    const char *method;                         /* NULL: POST with a body, else GET */
    const char *url;
    struct trb_pairs headers;                   /* names and values are checked: no CR, LF or NUL */
    struct trb_slice body;                      /* absent: none. Not copied: readable until answered */
    const struct http_signer *signer;           /* NULL: none; outlives the call */
    const struct http_tls *tls;                 /* NULL: the client's; outlives the call */
    struct trb_call *call;                      /* whose deadline counts, and http_cancel_for finds; or NULL */
    int64_t timeout_ns;                         /* counts beside the deadline; 0: the setup's */
    uint64_t max_answer_bytes;                  /* 0: the setup's */
    uint32_t max_redirects;                     /* 0: a redirect is an answer. Never from https to http */
    bool cut;                                   /* a longer body is cut, instead of an error */
    bool no_proxy;                              /* straight to the server (metadata endpoints) */
    bool secret;                                /* the bodies' copies are wiped */
    bool repeatable;                            /* a POST or PATCH that only asks: sent again, as others are, when a kept
                                                   connection ends before it has answered */
    http_answered *answered;                    /* never inside http_ask */
    void *arg;
};

/* All but the body is copied. Always ends in answered. */
struct http_call *http_ask(struct http *, const struct http_request *);
/* answered hears TRB_CANCELLED (or TRB_DEADLINE, for why TRB_WHY_DEADLINE) before these return. */
void http_cancel(struct http_call *, uint32_t why);
void http_cancel_for(struct http *, struct trb_call *, uint32_t why);  /* all of that call's */

/* The answer's header, letter case ignored; absent: at == NULL. */
struct trb_slice http_header(const struct http_answer *, const char *name);
/* The body as a buffer, uncopied: for a trb_data of an answer. owner NULL when the host has no memory for it. */
struct trb_data http_body_take(const struct http_answer *);

/* For signers. Slices are readable until the call ends. */
const char *http_call_method(const struct http_call *);
const char *http_call_url(const struct http_call *);
struct trb_slice http_call_body(const struct http_call *);
struct trb_pairs http_call_headers(const struct http_call *);
/* Replaces; copied, wiped. A value that HTTP does not allow fails the call when it is signed. */
void http_call_set(struct http_call *, const char *name, struct trb_slice value);
void http_signed(struct http_call *, const struct trb_error *err);                 /* NULL: send it */

#endif

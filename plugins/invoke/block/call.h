/* call: one invocation, whoever asked for it and whatever the called app speaks.
 *
 *     asks/                               targets/                   answers/
 *     http ─┐                             ┌──► app_http ──┐          ┌──► http
 *     rpc ──┼──► struct call ──► route ───┼──► app_grpc ──┼── call ──┼──► rpc
 *     peer ─┘                             ├──► peer ──────┤          └──► peer
 *                                         └──► url ───────┘
 *
 * An ask fills in the question; a target sends it and fills in the answer; the asker says that answer
 * in its own words, and every failure too. No file knows more than one of these words. */
#ifndef INVOKE_CALL_H
#define INVOKE_CALL_H

#include "addressing.h"
#include "endpoints.h"
#include "errors.h"
#include "headers.h"
#include <base/error.h>
#include <base/slice.h>
#include <trilby/block.h>

struct block {
    const struct trb_kernel *kernel;
    struct endpoints *endpoints;           /* under the block's lock */
};

/* How who asked hears of it. Each member ends the request, or names the step that does. */
struct asker {
    uint32_t spelling;                     /* HEADERS_OF_HTTP: its names mean HTTP's, however they are spelled */
    struct trb_next answer;                /* call->answer is filled in */
    struct trb_next (*refused)(struct trb_request *, trb_code, struct trb_slice why);  /* by this sidecar itself */
    struct trb_next (*failed)(struct trb_request *, trb_code, struct trb_slice why);   /* no answer came */
    struct trb_next (*no_app)(struct trb_request *);
};

struct answer {
    bool is_http;                          /* status counts; else code: the app speaks gRPC */
    bool is_whole;                         /* body is all of it; else it comes by the outcome */
    bool is_ended;                         /* there is none */
    uint32_t status;
    trb_code code;
    struct trb_slice message, details;     /* of a code */
    struct trb_pairs headers, trailers;    /* as the app said them */
    struct trb_slice content_type, type_url;
    struct trb_data body;
};

struct call {
    const struct asker *asker;
    /* The question. */
    struct trb_name target;                /* as it was written: it stands in every message */
    struct trb_slice method;               /* cleaned */
    struct trb_slice verb;                 /* absent: a message without HTTP extension; "": with none in it */
    struct trb_slice query, content_type, type_url;
    struct trb_pairs metadata;             /* as received */
    bool has_body;                         /* body is all of it; else it is the request's own */
    struct trb_data body;
    bool is_streamed;                      /* its length is not known: nothing of the answer is gathered */
    bool is_events;                        /* Accept: text/event-stream */
    /* The way. */
    struct trb_outcall out;
    struct trb_pairs headers;              /* as they go out; room for more at their end */
    struct endpoint endpoint;
    uint32_t redirects;
    struct trb_next then, gathered;        /* where the outcome is taken up, and the whole body */
    struct answer answer;
};

/* The state of a request that asks for an invocation; made once. */
struct call *call_create(struct trb_request *, const struct asker *);
/* The method as it was written becomes call->method. NULL: fine; else why not. */
const char *call_clean(struct trb_request *, struct trb_slice method);

trb_step invoke_http, invoke_rpc, invoke_peer;                      /* asks/: what a request begins with */
trb_step invoke_route, invoke_own_app;                              /* route.c */
trb_step to_app_http, to_app_grpc, to_peer, to_url;                 /* targets/ */
trb_step answer_http, answer_rpc, answer_peer;                      /* answers/ */

/* The askers of both public doors fail alike: 500 ERR_DIRECT_INVOKE or INTERNAL, "failed to invoke, id: …". */
struct trb_next client_refused(struct trb_request *, trb_code, struct trb_slice why);
struct trb_next client_failed(struct trb_request *, trb_code, struct trb_slice why);
struct trb_next client_no_app(struct trb_request *);
/* The app, called in whatever protocol, answered nothing: kernel->failure says why. */
struct trb_next app_failed(struct trb_request *);

/* Copies in the request's memory. */
struct trb_name text_joined(struct trb_request *, const struct trb_slice *parts, uint32_t count);
struct trb_name text_kept(struct trb_request *, struct trb_slice);

/* Lines as they go that way, -bin values as gRPC's wire has them (padded or not); room for extra lines. */
struct trb_pairs lines_take(struct trb_request *, const struct trb_pairs *from, uint32_t way, uint32_t extra);
void lines_add(struct trb_pairs *, struct trb_name name, struct trb_name value);
void lines_remove(struct trb_pairs *, const char *name);

/* The question's body: bytes; -1: not known before its end; -2: none. */
int64_t body_length(struct trb_request *);
/* All of it in call->body, then goes on. */
struct trb_next body_gather(struct trb_request *, struct trb_next then);
/* Sends call->out and goes on at call->then: piece by piece as the body comes, or once it is gathered. */
struct trb_next send_streamed(struct trb_request *);
struct trb_next send_whole(struct trb_request *);

/* What an HTTP request to an app or a URL needs beyond its lines: verb, path, query, content type. NULL: it
 * is ready; else why it cannot be made. base: how the URL begins, for that sentence. */
typedef const char *url_base(struct trb_request *);
const char *http_request_make(struct trb_request *, url_base *, uint32_t extra);
/* The outcome of such a request as the call's answer. */
void http_answer_take(struct call *, const struct trb_outcome *);

#endif

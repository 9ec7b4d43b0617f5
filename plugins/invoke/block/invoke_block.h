/* invoke_block: what the steps of invocation share: the call as it is understood, its failures, the way
 * of an answer back to who asked. */
#ifndef INVOKE_BLOCK_H
#define INVOKE_BLOCK_H

#include "addressing.h"
#include "endpoints.h"
#include "errors.h"
#include "headers.h"
#include "sniff.h"
#include <base/slice.h>
#include <trilby/block.h>

struct block {
    const struct trb_kernel *kernel;
    struct endpoints *endpoints;           /* under the block's lock */
};

#define REPLAYED (256u << 10)              /* a body of known length up to this may be sent again */
#define ERROR_BODY (64u << 20)             /* an error answer is gathered so that its length can be said */
#define REDIRECTS 10u

struct invoke {
    struct trb_name target;                /* as the client wrote it: it stands in every message */
    struct trb_slice method;               /* cleaned */
    struct trb_slice verb;                 /* as it goes out */
    struct trb_pairs headers;              /* as they go out; room for more at their end */
    struct trb_outcall call;
    struct endpoint endpoint;              /* of an external call */
    struct trb_next then;                  /* where the answer is taken up */
    uint32_t redirects;
    bool is_streamed;                      /* the request's length is not known: nothing is gathered */
    bool is_events;                        /* Accept: text/event-stream */
    bool follows;
};

trb_step invoke_parse, invoke_local, invoke_remote, invoke_external, invoke_answer, invoke_peer_parse;

/* 500 ERR_DIRECT_INVOKE "failed to invoke, id: …, err: …". */
struct trb_next invoke_failed(struct trb_request *, struct trb_slice why);
/* The same from what the call said; a denial is a 403. */
struct trb_next invoke_call_failed(struct trb_request *);

/* GET HEAD POST PUT PATCH DELETE OPTIONS TRACE as they are, CONNECT too, anything else is POST. */
struct trb_slice verb_of(struct trb_slice method);
bool verb_has_body(struct trb_slice verb);   /* sent chunked and empty rather than without a body */
/* Copies in the request's memory. */
struct trb_name text_joined(struct trb_request *, const struct trb_slice *parts, uint32_t count);
struct trb_name text_kept(struct trb_request *, struct trb_slice);
/* The request's headers as they go that way, with room for extra lines. */
void headers_take(struct trb_request *, struct invoke *, uint32_t way, uint32_t extra);
void headers_say(struct invoke *, struct trb_name name, struct trb_name value);
/* Drops the lines of that name. */
void headers_unsay(struct invoke *, const char *name);

/* Path and query of the call. NULL, or the sentence: no URL can be made of the method. base: how the
 * URL begins in that sentence. */
typedef const char *url_base(struct trb_request *);
const char *url_make(struct trb_request *, struct invoke *, url_base *);
/* Sends with the request's body streamed, or without where there is none; goes on at v->then. */
struct trb_next send_streamed(struct trb_request *);
/* NULL: a call of the own app is ready. Otherwise the sentence why it cannot be made. */
const char *app_call_make(struct trb_request *);
/* The text as a JSON string, in the request's memory. */
struct trb_slice json_quoted(struct trb_request *, struct trb_slice);
/* The answer's headers become the reply's. true: it has a content type. */
bool answer_headers(struct trb_request *, const struct trb_outcome *);

#endif

/* door: what both doors are told by the runtime. The doors are door_http.h and door_grpc.h. */
#ifndef REQUEST_DOOR_H
#define REQUEST_DOOR_H

#include <observe/trace.h>
#include <request/request.h>
#include <request/router.h>

/* The middlewares of the configuration: runs them and goes on at then, or answers itself. NULL: none. */
typedef struct trb_next door_pipeline(struct request *, struct trb_next then, void *arg);

struct door_rules {                     /* may change while the door is open; copied, texts and arrays too */
    bool log_calls, log_health, obfuscate_urls;
    const struct api_rule *grpc_allowed, *grpc_denied;   /* spec.api entries with protocol grpc */
    uint32_t grpc_allowed_count, grpc_denied_count;
};

struct door_setup {                     /* copied, texts and arrays too */
    uint64_t max_body;                  /* bytes; 0: no limit */
    size_t arena_budget;
    struct trb_slice api_token;         /* absent: none asked for */
    bool has_cors;                      /* allowed-origins was given */
    const struct trb_slice *origins;
    uint32_t origin_count;
    struct trace_setup trace;
    struct door_rules rules;
    bool is_public;                     /* the small public server: no CORS, token, pipeline, limit */

    door_pipeline *pipeline;
    /* Every request once, after its last step; status, code, bytes and times are in it. May be NULL. */
    void (*on_begin)(struct request *, void *arg);
    void (*on_done)(struct request *, void *arg);
    /* Each refusal: errorCode and category for the error counter. May be NULL. */
    void (*on_refused)(struct request *, const char *category, const char *code, void *arg);
    void *arg;                          /* of all four */
};

#endif

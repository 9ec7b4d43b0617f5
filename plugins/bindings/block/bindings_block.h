/* bindings_block: what the files of this block share.
 *
 *     a client ──► invoke ──► the component's invoke                          (output)
 *     the component's read ──► reader ──► deliver ──► the app ──► forward     (input)
 *     readers: which bindings are read: those that the app says it takes (ask_http, ask_rpc), while it is up
 */
#ifndef BINDINGS_BLOCK_H
#define BINDINGS_BLOCK_H

#include <base/json.h>
#include <base/list.h>
#include <base/slice.h>
#include <base/text.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <trilby/bindings.h>
#include <trilby/block.h>
#include <words/words.h>

#define ROW(name, code_, grpc_reason_, http, grpc_)                                                \
    static const struct trb_error_row __attribute__((unused)) name = {                             \
        .size = sizeof(struct trb_error_row), .code = (code_), .category = "bindings",             \
        .http_status = (http), .grpc = (grpc_), .grpc_reason = (grpc_reason_)};
#include "errors.def"
#undef ROW

trb_step invoke_parse, invoke_rpc;                  /* a client's */
trb_step readers_open, ask_http, ask_rpc;           /* tasks of the main loop */
trb_step event_parse, forward_begin;                /* an event's */

#define say(k, level, ...) say_in(k, "dapr.runtime.processor.binding", level, __VA_ARGS__)

/* ------------------------------------------------------------------------------------ binding */
struct reader;

#define VERDICT_UNKNOWN 0u
#define VERDICT_WANTED 1u
#define VERDICT_UNWANTED 2u

#define METRIC_OPERATIONS 16u

struct binding { /* instance_data; what is not constant is the main loop's */
    struct list link;
    struct trb_name name, path;                     /* path: where the app hears its events, with its slash */
    bool is_output, is_input, is_asked_for;         /* is_asked_for: read only if the app says that it takes it */
    const char *operations;
    _Atomic(char *) taken[METRIC_OPERATIONS];       /* of "*": names that the component knows, as they were used */
    _Atomic(struct trb_metric *) invoked[METRIC_OPERATIONS][2][2], read[2][2]; /* [operation][success][count, latency] */

    uint32_t verdict, attempts;
    bool is_asking, is_resting, is_leaving;
    bool is_moving;                                 /* its component hands over: it is not read */
    void (*moved)(void *token);                     /* told once its stream has ended, or NULL */
    void *moved_token;
    struct reader *reader;                          /* until its stream has ended */
};

struct block {
    const struct trb_kernel *kernel;
    struct list bindings;
    uint32_t readers, times_up;                      /* times_up: what was asked before counts no more */
    bool is_app_up, is_leaving, is_asking, has_list; /* gRPC: the app is asked for its list, was heard */
    _Atomic uint32_t is_busy, opening;               /* app_up is being dealt with; streams that are not open yet */
    _Atomic uint64_t opening_until_ns;
    void (*drained)(void *);
    void *drained_token;
};

struct binding *binding_create(const struct trb_kernel *, struct trb_instance *);
struct binding *binding_destroy(struct binding *);  /* NULL is welcome; returns NULL */
/* The index of an operation it has; -1: it has it not. */
int binding_operation(const struct binding *, struct trb_slice name);
/* An output binding in service that has the operation; NULL: *ret_why. */
struct trb_instance *output_find(struct trb_request *, struct trb_name name, struct trb_name operation,
                                 const char **ret_why);
void binding_count_read(const struct trb_kernel *, struct binding *, bool success, uint64_t began_ns);      /* [any] */
void binding_count_invoked(const struct trb_kernel *, struct binding *, struct trb_slice operation, bool success,
                           uint64_t began_ns);                                                              /* [any] */

/* ------------------------------------------------------------------------------------ readers */
struct reader { /* one stream of one binding; lives until its last event is settled */
    struct block *block;
    struct binding *binding;
    struct trb_stream_handle *stream;
    uint32_t is_closing;
    bool is_open;
};

/* [main loop] */
void readers_schedule(struct block *);              /* opens what should be open and is not, soon */
void readers_close(struct block *, const struct binding *only, uint32_t why);
void reader_check_moved(struct binding *);
struct binding *binding_still_there(struct block *, const struct binding *);
void block_check_drained(struct block *);

/* The instance of a binding that is still in service, pinned by the request. */
struct trb_instance *binding_instance(struct trb_request *, const struct binding *);

/* ------------------------------------------------------------------------------------- events */
struct delivery {
    struct binding *binding;
    const struct trb_binding_event *event;
    uint64_t began_ns;
    struct trb_outcall call;
    struct trb_data answer;                         /* of the app, for the component */
    /* gRPC: the bindings that the answer goes to as well */
    struct trb_name *to;
    uint32_t to_count, to_next;
    bool is_parallel;
    struct trb_binding_invoke copy;
    struct trb_error why;
};

/* How an app is told of an event, and what its answer means; by its protocol. */
struct tongue {
    void (*ask)(struct trb_request *, struct delivery *);
    struct trb_next (*hear)(struct trb_request *);
};
extern const struct tongue http_tongue, rpc_tongue;

#define APP_ANSWER_MAX (64u << 20)

struct trb_next delivery_done(struct trb_request *);
struct trb_next delivery_fail(struct trb_request *, const char *format, ...) TRB_PRINTF(2, 3);

#endif

/* pubsub_block: what the files of this block share.
 *
 *     publish, bulk_publish ──► scopes, envelope ──► the component
 *     the component ──► deliver (envelope, rules) ──► the app
 *     subscriptions: which topics, from YAML and from the app
 */
#ifndef PUBSUB_BLOCK_H
#define PUBSUB_BLOCK_H

#include <base/json.h>
#include <base/list.h>
#include <base/slice.h>
#include <base/text.h>
#include <stdbool.h>
#include <trilby/block.h>
#include <trilby/pubsub.h>

#define ROW(name, code_, reason_, http, grpc_)                                                     \
    static const struct trb_error_row __attribute__((unused)) name = {                             \
        .size = sizeof(struct trb_error_row), .code = (code_), .reason = (reason_),                \
        .category = "pubsub", .http_status = (http), .grpc = (grpc_)};
#include "errors.def"
#undef ROW

trb_step publish_parse, bulk_publish_parse, event_parse, subscribe_ask;

/* ------------------------------------------------------------------------------------- scopes */
struct scopes;                                        /* instance_data: who may publish and subscribe what */
struct scopes *scopes_create(const struct trb_pairs *properties, struct trb_slice app_id);
struct scopes *scopes_destroy(struct scopes *);
bool scopes_may_publish(const struct scopes *, struct trb_slice topic);
bool scopes_may_subscribe(const struct scopes *, struct trb_slice topic);

/* ----------------------------------------------------------------------------------- envelope */
struct envelope {                                     /* what one published event is made of */
    struct trb_slice topic, pubsub, content_type, data;
    struct trb_pairs metadata;                        /* cloudevent.* overrides, ttl */
    struct trb_slice source, trace_parent, trace_state;
    bool has_ttl_support;                             /* the product expires messages itself */
};
/* Writes the event. NULL, or why it cannot be one (a body that claims to be a CloudEvent). */
const char *envelope_write(const struct envelope *, struct text *, struct trb_name scratch_fault);
/* A raw message presented as an event: data_base64 and no time. */
void envelope_wrap_raw(const struct trb_pubsub_event *, struct trb_slice pubsub, struct trb_slice topic, struct text *);
bool is_cloud_event_type(struct trb_slice content_type);
bool is_json_type(struct trb_slice content_type);
struct trb_slice pair_get(const struct trb_pairs *, const char *key);      /* exact; absent: at == NULL */

/* ------------------------------------------------------------------------------ subscriptions */
struct rule {
    struct trb_name match, path;                      /* match empty: always */
    struct cel *program;
};

#define DECLARATIVE 1u
#define PROGRAMMATIC 2u

struct subscription {
    struct list link;
    struct block *block;
    _Atomic uint32_t refs;
    uint32_t origin;
    struct trb_name pubsub, topic, dead_letter;
    struct trb_pairs metadata;
    struct rule *rules;
    uint32_t rule_count;
    bool is_raw, is_bulk;
    struct arena *keep;
    struct trb_instance *instance;                    /* whose stream is open, or NULL */
    struct trb_stream_handle *stream;
};

struct block {
    const struct trb_kernel *kernel;
    struct list subscriptions;                        /* the main loop's, read elsewhere under lock */
    bool is_app_up, has_asked;
    uint32_t open_streams;
    void (*drained)(void *);
    void *drained_token;
    struct trb_json_source source;
};

/* A list as the app answers it, or as a resource says it; entries replace earlier ones of the same
 * pubsub and topic by the rules of http-api.md 4.14. */
const char *subscriptions_add(struct block *, struct trb_slice json, uint32_t origin, char ret_fault[256]);
void subscriptions_clear(struct block *, uint32_t origin);
void subscriptions_open(struct block *, struct trb_instance *only);        /* NULL: all that can be */
void subscriptions_close(struct block *, struct trb_instance *only, uint32_t why);
void subscriptions_write(void *self, void (*out)(void *, struct trb_slice), void *arg);
void subscriptions_load_resources(struct block *);
struct subscription *subscription_unref(struct subscription *);

/* The path of the first rule that matches; absent: none does. *ret_fault: its evaluation failed. */
struct trb_slice rules_match(const struct subscription *, struct json_value event, const char **ret_fault);

struct cel *cel_compile(struct trb_slice source, char *ret_fault, size_t size);    /* NULL: *ret_fault */
struct cel *cel_destroy(struct cel *);
/* 1, 0, or -1 with the fault. event: the JSON object bound to the variable of that name. */
int cel_matches(const struct cel *, struct json_value event, const char **ret_fault);

#endif

/* state_block: what the steps of this block share: finding a store, keys, options, items, failures.
 *
 * Each verb has one file in steps/: both doors' decoders, which fill one question, and what follows. */
#ifndef STATE_BLOCK_H
#define STATE_BLOCK_H

#include "encryption.h"
#include "errors.h"
#include "outbox.h"
#include <base/arena.h>
#include <base/json.h>
#include <base/list.h>
#include <base/slice.h>
#include <pb/runtime.h>
#include <rpc/rpc.h>
#include <trilby/block.h>
#include <trilby/state.h>
#include <words/words.h>

struct store {                        /* instance_data: what the runtime's own options said */
    struct trb_name prefix;           /* "orders||", or empty */
    struct encryption *encryption;    /* NULL: values are stored as they are */
    struct outbox *outbox;            /* NULL: its transactions publish nothing */
    struct list link;                 /* of those with an outbox: the block's. [main loop] */
    struct trb_name name;
};

trb_step state_get_parse, state_save_parse, state_delete_parse, state_bulk_parse, state_transact_parse,
    state_query_parse;
trb_step state_get_read, state_save_read, state_delete_read, state_bulk_read, state_delete_bulk_read,
    state_transact_read, state_query_read;

/* --------------------------------------------------------------------------------- transactions */
struct transacted {                   /* an operation as the client gave it: before values are sealed */
    struct trb_data value;
    uint32_t is_json;
};

struct outgoing;

struct transact {
    struct trb_instance *store;
    struct trb_state_operation *operations;
    struct transacted *given;         /* one for each operation */
    struct trb_state_transact question;
    uint32_t count;
    struct outgoing *outgoing;        /* the events of a store with an outbox */
};
trb_step state_outbox;                /* publishes the events, then goes on with state_transact_ask */
trb_step state_transact_ask;
struct trb_next state_transact_too_many(struct trb_request *, uint32_t count, uint32_t most);

/* NULL: *ret_refusal says why (names_app: over HTTP the ErrorInfo names the app). */
struct trb_instance *store_find(struct trb_request *, struct trb_name, bool names_app, struct trb_next *ret_refusal);

/* false: the key must not be used; *ret_refusal. in_transaction: its refusal over HTTP names no field. */
bool key_make(struct trb_request *, struct trb_instance *, struct trb_slice key, bool in_transaction,
              struct trb_name *ret_full, struct trb_next *ret_refusal);
struct trb_slice key_user(struct trb_slice full);     /* behind the first "||" */

/* "" and absent are 0. false: an unknown word. */
bool concurrency_parse(struct trb_slice, uint32_t *ret);
bool consistency_parse(struct trb_slice, uint32_t *ret);
/* A number of a gRPC message; unknown ones are 0. */
uint32_t option_of(int32_t number);
/* NULL, or the sentence about ttlInSeconds. */
const char *ttl_parse(struct trb_request *, struct trb_pairs metadata, uint32_t *ret_has, int64_t *ret_ttl_s);

/* The value as the client gets it, opened if the store's are sealed. false: *ret_fault. */
bool value_open(struct trb_request *, struct trb_instance *store, struct trb_data stored, struct trb_data *ret_value,
                const char **ret_fault);
bool value_seal(struct trb_request *, struct trb_instance *store, struct trb_data *value);  /* was it sealed? */
/* The text in the request's memory; the text itself is empty then. */
struct trb_data text_take(struct trb_request *, struct text *);

/* ------------------------------------------------------------------------------------- failures */
struct failure {
    struct trb_name text;                     /* with the etag words in front; at == NULL: there is none */
    uint32_t http_status;                     /* 0: the row's */
    trb_code code;                            /* 0: the row's */
    const struct trb_error *structured;       /* the component made the whole error, or NULL */
};
struct trb_name failure_text(struct trb_request *, const struct trb_error *);
struct failure failure_said(const char *text);
struct failure failure_of(struct trb_request *, const struct trb_error *);
struct failure failure_of_items(struct trb_request *);    /* of a bulk: the whole's, or its items' */
/* "front: text", or the text alone, with the row's code or the failure's; over gRPC a structured one as it is. */
struct trb_next failure_refuse(struct trb_request *, const struct trb_error_row *, const struct failure *,
                               struct trb_name front);
struct trb_next failure_pass(struct trb_request *, const struct trb_error *structured);

/* ---------------------------------------------------------------------------------------- items */
struct item_fields {                  /* what set, delete and operations share */
    struct trb_name key, etag, content_type;
    struct trb_data value;
    struct trb_pairs metadata;
    uint32_t concurrency, consistency, has_ttl, is_json;
    int64_t ttl_s;
    bool is_compact;                  /* for item_parse: the text has no blanks between its tokens */
};

/* gRPC. NULL: fine. Otherwise the sentence about its metadata. */
const char *item_read(struct trb_request *, const struct common_state_item *, struct item_fields *ret);

/* JSON. NULL: fine. Otherwise the sentence; *ret_row is the row it belongs to, NULL: the verb's own. */
const char *item_parse(struct trb_request *, struct json_value object, const char *type, struct trb_pairs wins,
                       struct trb_data body, struct item_fields *ret, const struct trb_error_row **ret_row);
/* "EOF", "unexpected EOF", or the fault as it is: how a decoder that reads a stream says it. */
struct trb_name fault_text(struct trb_request *, struct trb_slice body, const struct json_fault *);
/* A text member: false when it is neither text nor null nor absent (then *ret stays absent). */
bool member_text(struct trb_request *, struct json_value object, const char *name, struct trb_name *ret);
/* metadata: a map of texts; request-wide pairs win. NULL: fine, else the sentence of the fault. */
const char *member_metadata(struct trb_request *, struct json_value object, const char *type,
                            struct trb_pairs wins, struct trb_pairs *ret);
/* The value as it goes to the store: white space between tokens removed, nothing else changed. */
struct trb_data value_data(struct trb_request *, struct json_value, struct trb_data body);

#endif

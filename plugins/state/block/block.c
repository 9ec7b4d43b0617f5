/* state.so: the state building block. Its meaning is in steps/; this file is its table of contents
 * and what a store's own options (keyPrefix) say. */
#include "state_block.h"
#include <base/mem.h>

#define TRB_DEF <trilby/state.def>
#define TRB_OPS struct trb_state_ops
#include <trilby/verbs_layout.h>

static const struct trb_route routes[] = {
    {"GET", "v1.0/state/{store}/{key}", "GetState", "state", 0, TRB_GO(state_get_parse)},
    {"POST PUT", "v1.0/state/{store}", "SaveState", "state", TRB_ROUTE_WHOLE, TRB_GO(state_save_parse)},
    {"DELETE", "v1.0/state/{store}/{key}", "DeleteState", "state", 0, TRB_GO(state_delete_parse)},
    {"POST PUT", "v1.0/state/{store}/bulk", "GetBulkState", "state", TRB_ROUTE_WHOLE, TRB_GO(state_bulk_parse)},
    {"POST PUT", "v1.0/state/{store}/transaction", "ExecuteStateTransaction", "state", TRB_ROUTE_WHOLE,
     TRB_GO(state_transact_parse)},
    {"POST PUT", "v1.0-alpha1/state/{store}/query", "QueryStateAlpha1", "state", TRB_ROUTE_WHOLE,
     TRB_GO(state_query_parse)},
};

#define DAPR "dapr.proto.runtime.v1.Dapr"

static const struct trb_method methods[] = {
    {DAPR, "GetState", 0, 0, "state.v1", TRB_GO(state_get_read)},
    {DAPR, "GetBulkState", 0, 0, "state.v1", TRB_GO(state_bulk_read)},
    {DAPR, "SaveState", 0, 0, "state.v1", TRB_GO(state_save_read)},
    {DAPR, "DeleteState", 0, 0, "state.v1", TRB_GO(state_delete_read)},
    {DAPR, "DeleteBulkState", 0, 0, "state.v1", TRB_GO(state_delete_bulk_read)},
    {DAPR, "ExecuteStateTransaction", 0, 0, "state.v1", TRB_GO(state_transact_read)},
    {DAPR, "QueryStateAlpha1", 0, 0, "state.v1alpha1", TRB_GO(state_query_read)},
};

static const char *const cap_names[] = {"ETAG", "TRANSACTIONAL", "QUERY_API", "TTL", "DELETE_WITH_PREFIX",
                                        "KEYS_LIKE", NULL};

static const char *const cap_verbs[] = {"", "transact", "query", "", "remove_prefix", "", NULL};

struct block {
    const struct trb_kernel *kernel;
    struct list outboxes;             /* stores that have one. [main loop] */
    struct trb_outbox_source source;
};

/* ------------------------------------------------------------------------------------- outboxes */
static void each_outbox(void *self, void (*out)(void *arg, const struct trb_outbox *), void *arg)
{
    struct block *b = self;
    list_each(node, &b->outboxes) {
        const struct store *s = list_item(node, struct store, link);
        const struct outbox *o = s->outbox;
        struct trb_outbox said = {.size = sizeof said, .store = s->name, .broker = o->broker, .waiting = o->waiting,
                                  .pubsub = o->pubsub, .topic = o->topic, .discards = o->discards};
        out(arg, &said);
    }
}

static void tell_reader(struct block *b)
{
    const struct trb_outbox_reader *reader = b->kernel->extension(b->kernel, TRB_OUTBOX_READER);
    if (reader)
        reader->changed(reader->self);
}

static void list_outbox(struct block *b, struct store *s)
{
    if (!s->outbox)
        return;
    list_append(&b->outboxes, &s->link);
    tell_reader(b);
}

static void unlist_outbox(struct block *b, struct store *s)
{
    if (list_is_empty(&s->link))
        return;
    list_remove(&s->link);
    tell_reader(b);
}

static const void *extension(void *self, const char *id)
{
    return strcmp(id, TRB_OUTBOXES) ? NULL : &((struct block *)self)->source;
}

static void in_service(void *self)
{
    tell_reader(self);
}

/* ------------------------------------------------------------------------------------- the block */
static trb_code start(void *self, const struct trb_kernel *kernel, struct trb_error *err)
{
    struct block *b = self;
    b->kernel = kernel;
    list_init(&b->outboxes);
    b->source = (struct trb_outbox_source){.size = sizeof b->source, .self = b, .each = each_outbox};
    return TRB_OK;
}

static void stop(void *self)
{
}

static struct trb_name prefix_text(const struct trb_kernel *k, struct trb_instance *i, struct trb_slice word)
{
    char *at = mem_zero(k->info->app_id.len + k->info->namespace_.len + k->instance_name(i).len + word.len + 8);
    int n = 0;
    const char *app = k->info->app_id.at, *ns = k->info->namespace_.at;
    if (!word.len || slice_is(word, SLICE("appid")) || (slice_is(word, SLICE("namespace")) && !k->info->namespace_.len))
        n = sprintf(at, "%s||", app);
    else if (slice_is(word, SLICE("namespace")))
        n = sprintf(at, "%s.%s||", ns, app);
    else if (slice_is(word, SLICE("name")))
        n = sprintf(at, "%s||", k->instance_name(i).at);
    else if (!slice_is(word, SLICE("none")))
        n = sprintf(at, "%.*s||", SLICE_ARG(word));
    return (struct trb_name){at, (size_t)n};
}

static void warn(const struct trb_kernel *k, struct trb_instance *i, const char *note)
{
    say_in(k, "dapr.runtime", TRB_LOG_WARN, "component %.200s: %s", k->instance_name(i).at, note);
}

static void *component_up(void *self, struct trb_instance *i, struct trb_error *err)
{
    const struct trb_kernel *k = ((struct block *)self)->kernel;
    struct trb_pairs properties = k->instance_properties(i);
    struct encryption *encryption = NULL;
    const char *note = NULL;
    if (encryption_create(k->instance_document(i), &encryption, &note, err))
        return NULL;
    if (note)
        warn(k, i, note);
    struct trb_name word = trb_pair_get(&properties, "keyPrefix");
    char *lower = mem_text(word.len ? word.at : "", word.len);
    for (size_t n = 0; n < word.len; n++)
        lower[n] = (char)(lower[n] >= 'A' && lower[n] <= 'Z' ? lower[n] | 0x20 : lower[n]);
    if (slice_contains(slice_of(lower), SLICE("||"))) {
        trb_error(err, TRB_INVALID, "BAD_KEY_PREFIX", "failed to save lock keyprefix: api error: code = InvalidArgument "
                  "desc = input key/keyPrefix '%s' can't contain '||'", word.at);
        encryption_destroy(encryption);
        return mem_free(lower);
    }
    struct store *s = mem_zero(sizeof *s);
    list_init(&s->link);
    s->prefix = prefix_text(k, i, slice_of(lower));
    s->encryption = encryption;
    s->name = k->instance_name(i);
    s->outbox = outbox_create(&properties, k->info, &note);
    if (note)
        warn(k, i, note);
    list_outbox(self, s);
    mem_free(lower);
    return s;
}

static void component_leaving(void *self, struct trb_instance *i, void *data)
{
    if (data)
        unlist_outbox(self, data);
}

static void component_down(void *self, struct trb_instance *i, void *data)
{
    struct store *s = data;
    if (s) {
        mem_free((void *)(uintptr_t)s->prefix.at);
        encryption_destroy(s->encryption);
        unlist_outbox(self, s);
        outbox_destroy(s->outbox);
    }
    mem_free(s);
}

static const struct trb_block state = {
    .size = sizeof state, .abi = TRB_BLOCK_ABI, .name = "state", .self_size = sizeof(struct block),
    .routes = routes, .route_count = sizeof routes / sizeof routes[0], .route_size = sizeof routes[0],
    .methods = methods, .method_count = sizeof methods / sizeof methods[0], .method_size = sizeof methods[0],
    .verbs = trb_verbs_, .verb_count = sizeof trb_verbs_ / sizeof trb_verbs_[0], .verb_size = sizeof trb_verbs_[0],
    .cap_names = cap_names, .cap_verbs = cap_verbs, .mandatory = "get set remove",
    .start = start, .stop = stop, .component_up = component_up, .component_down = component_down,
    .component_leaving = component_leaving, .extension = extension, .in_service = in_service,
    .properties = "keyPrefix|actorStateStore|outboxPublishPubsub|outboxPublishTopic|outboxPubsub|"
                  "outboxDiscardWhenMissingState|primaryEncryptionKey|secondaryEncryptionKey",
};
TRB_BLOCK_PLUGIN("state", "0.1.0", "Apache-2.0", &state);

/* probe: what this server can do, found out at start without writing anything.
 *
 * Everything here is refused by one server or another that speaks this protocol. What is refused narrows the
 * component's promises, or makes it do the same in a plainer way; it is said in the log. */
#include "store.h"
#include <base/clock.h>
#include <base/codec.h>
#include <base/slice.h>

#define PROMISES (TRB_STATE_ETAG | TRB_STATE_TRANSACTIONAL | TRB_STATE_QUERY | TRB_STATE_TTL | TRB_STATE_KEYS_LIKE)

/* Transactions need a replica set or a router before shards. */
static trb_code look_for_transactions(struct store *s, struct line *l, struct trb_error *err)
{
    bson_t *hello = BCON_NEW("isMaster", BCON_INT32(1)), reply;
    bson_error_t e;
    bson_iter_t iter;
    bool is_well = mongoc_client_command_simple(l->client, "admin", hello, NULL, &reply, &e);
    bool can = is_well && (mongoc_uri_get_replica_set(s->uri) || bson_has_field(&reply, "setName") ||
                           (bson_iter_init_find(&iter, &reply, "msg") && BSON_ITER_HOLDS_UTF8(&iter) &&
                            !strcmp(bson_iter_utf8(&iter, NULL), "isdbgrid")));
    bson_destroy(&reply);
    bson_destroy(hello);
    if (is_well && !can)
        s->host->narrow(s->origin, PROMISES & ~TRB_STATE_TRANSACTIONAL);
    return is_well ? TRB_OK : connect_fail(s, &e, "cannot look at the server", err);
}

static bool is_denied(const bson_error_t *e)
{
    return e->code == 13 || e->code == 18;
}

/* false: e says why not. */
static bool try_update(struct store *s, struct line *l, bson_error_t *e)
{
    char nobody[UUID_TEXT];
    bson_t update = BSON_INITIALIZER, opts = BSON_INITIALIZER;
    struct trb_state_operation op = {.size = sizeof op, .kind = TRB_STATE_UPSERT, .key = NAME("probe"), .has_ttl = 1, .ttl_s = 1};
    uuid_v4(nobody);
    document_update(s, &op, nobody, false, &update);
    bson_t *none = BCON_NEW("_id", BCON_UTF8(nobody), "_etag", BCON_UTF8(nobody));
    BSON_APPEND_BOOL(&opts, "validate", false);
    bool is_well = mongoc_collection_update_one(l->items, none, &update, &opts, NULL, e);
    bson_destroy(none);
    bson_destroy(&update);
    bson_destroy(&opts);
    return is_well;
}

static bool try_find(struct store *s, struct line *l, bson_error_t *e)
{
    bson_t filter = BSON_INITIALIZER, *opts = BCON_NEW("limit", BCON_INT64(1), "singleBatch", BCON_BOOL(true));
    const bson_t *unused;
    document_alive(s, &filter);
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(l->items, &filter, opts, NULL);
    mongoc_cursor_next(cursor, &unused);
    bool is_well = !mongoc_cursor_error(cursor, e);
    mongoc_cursor_destroy(cursor);
    bson_destroy(opts);
    bson_destroy(&filter);
    return is_well;
}

/* An error that is the server's own word about the command, not about the way to it. */
static bool is_its_word(const bson_error_t *e)
{
    return (e->domain == MONGOC_ERROR_SERVER || e->domain == MONGOC_ERROR_WRITE_CONCERN) && !is_denied(e);
}

static trb_code look_for_pipelines(struct store *s, struct line *l, struct trb_error *err)
{
    bson_error_t e;
    if (try_update(s, l, &e) && try_find(s, l, &e))
        return TRB_OK;
    if (!is_its_word(&e))
        return connect_fail(s, &e, "cannot use the collection", err);
    s->is_plain = true;
    trb_log(s->host, s->origin, TRB_LOG_WARN, "mongodb %s: this server has no pipelines in updates or no $$NOW (%.100s): "
            "times to live follow this machine's clock", s->place, e.message);
    return try_find(s, l, &e) ? TRB_OK : connect_fail(s, &e, "cannot use the collection", err);
}

static trb_code make_index(struct store *s, struct line *l, struct trb_error *err)
{
    bson_error_t e;
    bson_t opts = BSON_INITIALIZER;
    bson_t *command = BCON_NEW("createIndexes", BCON_UTF8(s->collection), "indexes", "[", "{", "key", "{", "_ttl", BCON_INT32(1),
                               "}", "expireAfterSeconds", BCON_INT32(0), "name", BCON_UTF8("_ttl_1"), "}", "]");
    mongoc_write_concern_append((mongoc_write_concern_t *)(uintptr_t)mongoc_uri_get_write_concern(s->uri), &opts);
    bool is_well = mongoc_client_write_command_with_opts(l->client, s->database, command, &opts, NULL, &e);
    bson_destroy(command);
    bson_destroy(&opts);
    if (is_well)
        return TRB_OK;
    if (!is_its_word(&e))
        return connect_fail(s, &e, "cannot make the index on _ttl", err);
    trb_log(s->host, s->origin, TRB_LOG_WARN, "mongodb %s: there is no index that removes expired items (%s): they are not "
            "seen any more, but stay in the collection", s->place, e.message);
    return TRB_OK;
}

trb_code probe(struct store *s, struct trb_error *err)
{
    struct line l;
    line_take(s, &l);
    trb_code code = connect_ping(s, &l, err);
    if (!code)
        code = look_for_transactions(s, &l, err);
    if (!code)
        code = make_index(s, &l, err);
    if (!code)
        code = look_for_pipelines(s, &l, err);
    line_give_back(s, &l);
    return code;
}

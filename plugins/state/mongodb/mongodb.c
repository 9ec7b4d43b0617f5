/* state.mongodb: a document per key in MongoDB, as Dapr lays it out. */
#include "store.h"

static const struct trb_option options[] = {
    TRB_STRING(struct store, connection, "connectionString", .sensitive = 1, .empty_is_absent = 1,
               .example = "mongodb://user:secret@localhost:27017/?replicaSet=rs0",
               .doc = "The whole URI; then server, host, username, password and params do not count."),
    TRB_STRING(struct store, server, "server", .empty_is_absent = 1, .example = "cluster0.example.net",
               .doc = "Name whose SRV records name the servers (mongodb+srv)."),
    TRB_STRING(struct store, host_list, "host", .empty_is_absent = 1, .example = "localhost:27017",
               .doc = "The servers as a comma list of host:port."),
    TRB_STRING(struct store, username, "username", .empty_is_absent = 1, .doc = "User, with server or host."),
    TRB_STRING(struct store, password, "password", .sensitive = 1, .empty_is_absent = 1, .doc = "Password of username."),
    TRB_STRING(struct store, params, "params", .empty_is_absent = 1, .example = "?replicaSet=rs0&tls=true",
               .doc = "What follows the ? of the URI, with server or host."),
    TRB_STRING(struct store, database, "databaseName", .fallback = "daprStore", .empty_is_absent = 1,
               .doc = "Database; with host also where the user is known, unless params say authSource."),
    TRB_STRING(struct store, collection, "collectionName", .fallback = "daprCollection", .empty_is_absent = 1,
               .doc = "Collection of the items."),
    TRB_STRING(struct store, write_concern, "writeconcern", .empty_is_absent = 1, .example = "majority",
               .doc = "How many servers have a write before it is answered: majority or a number; 1 unless the URI says w. "
                      "Each has it in its journal."),
    TRB_STRING(struct store, read_concern, "readconcern", .empty_is_absent = 1,
               .doc = "What reads may see: local (unless the URI says otherwise), available, majority, linearizable or snapshot."),
    TRB_DURATION(struct store, timeout_ns, "operationTimeout", .fallback = "5s",
                 .doc = "Give up looking for a server, or waiting for its answer, after this."),
};

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct store *s = self;
    struct trb_error err = {.size = sizeof err, .item = -1};
    s->host = call->host;
    s->origin = call->origin;
    trb_code code = s->timeout_ns > 0 ? connect_start(s, call->host->deadline_ns(call), &err)
                                      : trb_error(&err, TRB_INVALID, "BAD_OPTION", "operationTimeout must be above zero");
    if (code)
        call->host->fail(call, &err);
    else
        trb_done(call);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    connect_stop(self);
    trb_done(call);
}

static const struct trb_state_ops ops = {
    .size = sizeof ops, .get = mongodb_get, .set = mongodb_set, .remove = mongodb_remove, .bulk_get = mongodb_bulk_get,
    .transact = mongodb_transact, .query = mongodb_query, .keys_like = mongodb_keys_like,
};
static const struct trb_component mongodb = {
    .size = sizeof mongodb, .block = "state", .type = "state.mongodb", .version = "v1",
    .summary = "A document per key in MongoDB.",
    .caps = TRB_STATE_ETAG | TRB_STATE_TRANSACTIONAL | TRB_STATE_QUERY | TRB_STATE_TTL | TRB_STATE_KEYS_LIKE,
    .run = TRB_ON_WORKERS, .max_parallel = PARALLEL, TRB_SELF(struct store, options), .ops = &ops,
    .start = start, .stop = stop, .ping = mongodb_ping,
};
/* The client library is initialised once and stays mapped. */
TRB_PLUGIN_FLAGS(0, "mongodb", "0.1.0", "Apache-2.0", &mongodb);

/* state.etcd: a key of etcd for each key, read and written over gRPC. Version 1 keeps the bytes as they are;
 * version 2 keeps them in a message that also says when they expire. */
#include "store.h"
#include "value.h"
#include <base/clock.h>
#include <base/slice.h>
#include <trilby/services.h>

const char path_range[] = "/etcdserverpb.KV/Range", path_put[] = "/etcdserverpb.KV/Put",
           path_delete[] = "/etcdserverpb.KV/DeleteRange", path_txn[] = "/etcdserverpb.KV/Txn",
           path_grant[] = "/etcdserverpb.Lease/LeaseGrant", path_revoke[] = "/etcdserverpb.Lease/LeaseRevoke";

#define DEFAULT_PORT 2379u
#define MAX_REPLY (512u << 20)

static const struct trb_option options[] = {
    TRB_STRING(struct store, endpoints, "endpoints", .required = 1, .example = "localhost:2379",
               .doc = "Members of the cluster as host:port, separated by commas; when one fails the next is asked."),
    TRB_STRING(struct store, path, "keyPrefixPath",
               .doc = "What every key begins with; a slash follows it."),
    TRB_BOOL(struct store, tls, "tlsEnable", .fallback = "false",
             .doc = "Speak TLS and verify the server; an endpoint that begins with https:// asks for it too."),
    TRB_STRING(struct store, ca, "ca", .empty_is_absent = 1,
               .doc = "PEM of the authorities to trust instead of the system's."),
    TRB_STRING(struct store, cert, "cert", .empty_is_absent = 1,
               .doc = "PEM of the certificate to show; with key."),
    TRB_STRING(struct store, key, "key", .sensitive = 1, .empty_is_absent = 1, .doc = "PEM of the key of cert."),
    TRB_INT(struct store, max_ops, "maxTxnOps", .fallback = "128", .min = 1, .max = INT32_MAX,
            .doc = "Most operations in one transaction, as the server's --max-txn-ops; more than 128 count as 128."),
};

/* ------------------------------------------------------------------------------------- requests */
struct etcd_key store_key(const struct store *s, struct trb_name name)
{
    return (struct etcd_key){slice_of(s->path), slice_name(name)};
}

void store_ask(struct store *s, struct trb_call *call, const struct grpc_wish *w, const char *path, struct text *message)
{
    uint64_t deadline_ns = call ? s->host->deadline_ns(call) : 0, now = s->host->now_ns();
    int64_t left = deadline_ns > now ? (int64_t)(deadline_ns - now) : deadline_ns ? 1 : TIMEOUT_NS;
    grpc_ask(s->grpc, w, path, message, left < TIMEOUT_NS ? left : TIMEOUT_NS);
}

void store_put(const struct store *s, struct text *to, struct trb_name key, struct trb_data value, int64_t ttl_s,
               int64_t lease)
{
    struct trb_slice bytes = slice_from(value.at, value.len);
    if (!s->is_v2) {
        etcd_put_put(to, store_key(s, key), bytes, lease);
        return;
    }
    size_t mark = etcd_put_begin(to, store_key(s, key));
    value_put(to, bytes, clock_wall_ns(), ttl_s);
    etcd_put_end(to, mark, lease);
}

static void on_revoked(struct grpc_wish *w, struct trb_slice answer, const struct trb_error *err)
{
    /* It would have ended by itself. */
}

void lease_revoke(struct store *s, int64_t lease)
{
    struct grpc_wish w = {.answered = on_revoked};
    struct text message = {0};
    if (!lease || !s->grpc)
        return;
    grpc_message_begin(&message);
    etcd_put_revoke(&message, lease);
    store_ask(s, NULL, &w, path_revoke, &message);
}

/* ---------------------------------------------------------------------------------------- start */
static trb_code check(struct store *s, struct trb_error *err)
{
    struct trb_slice rest = slice_trim(slice_of(s->endpoints));
    s->config = (struct grpc_config){.product = "etcd", .tls = s->tls, .ca_pem = s->ca, .cert_pem = s->cert,
                                     .key_pem = s->key, .connect_timeout_ns = TIMEOUT_NS, .max_reply = MAX_REPLY};
    if (!s->cert != !s->key)
        return trb_error(err, TRB_INVALID, "BAD_OPTION", "cert and key are given both or neither");
    while (rest.at) {
        struct trb_slice one = slice_trim(slice_split(&rest, ','));
        trb_code code = one.len ? grpc_config_add(&s->config, "endpoints", one, DEFAULT_PORT, err) : TRB_OK;
        if (code)
            return code;
    }
    if (!s->config.endpoint_count)
        return trb_error(err, TRB_INVALID, "BAD_OPTION", "endpoints: no server is given");
    if (s->config.endpoint_count > 1)
        s->config.connect_timeout_ns = TIMEOUT_NS / 4;      /* a dead one leaves time for the others */
    return TRB_OK;
}

/* A cluster without a leader, or one that wants a password, is told at start. */
static void on_first_read(struct grpc_wish *w, struct trb_slice answer, const struct trb_error *err)
{
    struct store *s = w->self;
    struct trb_call *call = s->starting;
    struct trb_error why = {0};
    if (!call)
        return;
    s->starting = NULL;
    if (!err) {
        trb_done(call);
        return;
    }
    why = *err;
    s->grpc = grpc_destroy(s->grpc);
    s->host->fail(call, &why);
}

static void read_first(struct store *s)
{
    struct grpc_wish w = {.answered = on_first_read, .self = s};
    struct text message = {0};
    grpc_message_begin(&message);
    etcd_put_range(&message, store_key(s, NAME("")), true);
    store_ask(s, s->starting, &w, path_range, &message);
}

static void on_up(void *self)
{
    struct store *s = self;
    if (s->starting)
        read_first(s);
    else
        s->host->ready(s->origin);
}

static void on_down(void *self, const struct trb_error *err)
{
    struct store *s = self;
    struct trb_call *start = s->starting;
    if (!start) {
        s->host->lost(s->origin, err);
        return;
    }
    struct trb_error why = *err;
    s->starting = NULL;
    s->grpc = grpc_destroy(s->grpc);
    s->host->fail(start, &why);
}

static void start(struct store *s, struct trb_call *call)
{
    struct trb_error err = {0};
    s->host = call->host;
    s->origin = call->origin;
    s->path = s->path ? s->path : "";
    if (check(s, &err)) {
        s->host->fail(call, &err);
        return;
    }
    if (!s->host->extension(TRB_STREAM_SERVICE) || !s->host->extension(TRB_TIMER)) {
        trb_fail(call, TRB_UNIMPLEMENTED, "NO_SERVICE", "this host lends neither streams nor timers, which etcd needs");
        return;
    }
    struct grpc_setup grpc = {.host = s->host, .origin = s->origin, .config = &s->config, .arg = s, .up = on_up,
                              .down = on_down};
    s->starting = call;
    s->grpc = grpc_create(&grpc);
}

/* Each loop starts an instance; one warning is enough. */
static _Thread_local const struct trb_call *warned_in;

static void warn(void)
{
    trb_log(warned_in->host, warned_in->origin, TRB_LOG_WARN, "WARNING: state store state.etcd/v1 is deprecated and will be "
            "removed in a future version, please use state.etcd/v2");
}

static void start_v1(void *self, struct trb_call *call, const void *setup)
{
    const struct trb_once_service *once = call->host->extension(TRB_ONCE);
    warned_in = call;
    if (once)
        once->run("state.etcd/v1 is deprecated", warn);
    else
        warn();
    start(self, call);
}

static void start_v2(void *self, struct trb_call *call, const void *setup)
{
    ((struct store *)self)->is_v2 = 1;
    start(self, call);
}

static void stop(void *self, struct trb_call *call, const void *question)
{
    struct store *s = self;
    grpc_forget(s->grpc);
    s->grpc = grpc_destroy(s->grpc);
    trb_done(call);
}

/* ------------------------------------------------------------------------------------- manifest */
static const struct trb_state_ops ops = {
    .size = sizeof ops, .transact_max = MAX_OPS, .get = store_get, .set = store_set, .remove = store_remove,
    .bulk_get = store_bulk_get, .bulk_set = store_bulk_set, .bulk_remove = store_bulk_remove, .transact = store_transact,
    .keys_like = store_keys_like};

#define PROMISES (TRB_STATE_ETAG | TRB_STATE_TRANSACTIONAL | TRB_STATE_TTL | TRB_STATE_KEYS_LIKE)

static const struct trb_component v1 = {
    .size = sizeof v1, .block = "state", .type = "state.etcd", .version = "v1",
    .summary = "etcd, a key per key, the bytes as they are; deprecated, because it does not say when an item expires.",
    .caps = PROMISES, .run = TRB_ON_LOOP, TRB_SELF(struct store, options), .ops = &ops, .start = start_v1, .stop = stop};

static const struct trb_component v2 = {
    .size = sizeof v2, .block = "state", .type = "state.etcd", .version = "v2",
    .summary = "etcd, a key per key, the bytes in a message that says when they expire.",
    .caps = PROMISES, .run = TRB_ON_LOOP, TRB_SELF(struct store, options), .ops = &ops, .start = start_v2, .stop = stop};

TRB_PLUGIN("etcd", "1.0.0", "Apache-2.0", &v1, &v2);

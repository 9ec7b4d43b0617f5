/* connect: the pool of clients, what the options say of it, and what is told of servers lost and found. */
#include "store.h"
#include "address.h"
#include <base/clock.h>
#include <base/mem.h>
#include <base/slice.h>
#include <signal.h>
#include <stdlib.h>

#define WRITE_PATIENCE_MS 5000
#define START_MARGIN_MS 500

/* ------------------------------------------------------------------------------------------- faults */
static void tell(struct store *s, bool is_lost, const struct trb_error *err)
{
    pthread_mutex_lock(&s->lock);
    bool was_lost = atomic_exchange(&s->is_lost, is_lost);
    if (is_lost && !was_lost)
        s->host->lost(s->origin, err);
    else if (!is_lost && was_lost)
        s->host->ready(s->origin);
    pthread_mutex_unlock(&s->lock);
}

static bool is_out_of_reach(const bson_error_t *e)
{
    return e->domain == MONGOC_ERROR_SERVER_SELECTION || e->domain == MONGOC_ERROR_STREAM;
}

static trb_code code_of(const bson_error_t *e)
{
    if (e->domain == MONGOC_ERROR_CLIENT && e->code == MONGOC_ERROR_CLIENT_AUTHENTICATE)
        return TRB_DENIED;
    if (is_out_of_reach(e))
        return TRB_UNAVAILABLE;
    switch (e->code) {
    case 13:                            /* Unauthorized, AuthenticationFailed */
    case 18:
        return TRB_DENIED;
    case 50:                            /* MaxTimeMSExpired */
        return TRB_DEADLINE;
    case 112:                           /* WriteConflict */
    case 251:                           /* NoSuchTransaction */
        return TRB_ABORTED;
    case 10334:                         /* BSONObjectTooLarge */
    case MONGOC_ERROR_CLIENT_TOO_BIG:
        return TRB_EXHAUSTED;
    case 189:                           /* PrimarySteppedDown, NotWritablePrimary, shutting down */
    case 10107:
    case 11600:
    case 91:
        return TRB_UNAVAILABLE;
    default:
        return TRB_INTERNAL;
    }
}

trb_code connect_fail(struct store *s, const bson_error_t *e, const char *what, struct trb_error *err)
{
    trb_error(err, code_of(e), "MONGODB", "mongodb %s: %s: %s", s->place, what, e->message);
    err->retryable = err->code == TRB_UNAVAILABLE || err->code == TRB_ABORTED;
    if (is_out_of_reach(e) && atomic_load(&s->is_up))
        tell(s, true, err);
    return err->code;
}

/* From threads of the library, which watch the servers. */
static void on_topology(const mongoc_apm_topology_changed_t *event)
{
    struct store *s = mongoc_apm_topology_changed_get_context(event);
    const mongoc_topology_description_t *now = mongoc_apm_topology_changed_get_new_description(event);
    struct trb_error err = {.size = sizeof err};
    if (!atomic_load(&s->is_up))
        return;
    trb_error(&err, TRB_UNAVAILABLE, "MONGODB", "mongodb %s: there is no server that takes writes", s->place);
    tell(s, !mongoc_topology_description_has_writable_server((mongoc_topology_description_t *)(uintptr_t)now), &err);
}

/* -------------------------------------------------------------------------------------------- options */
static trb_code set_write_concern(struct store *s, struct trb_error *err)
{
    mongoc_write_concern_t *w = mongoc_write_concern_new();
    uint64_t count = 1;
    trb_code code = TRB_OK;
    if (!s->write_concern && mongoc_uri_has_option(s->uri, MONGOC_URI_W)) {
        mongoc_write_concern_destroy(w);
        w = mongoc_write_concern_copy(mongoc_uri_get_write_concern(s->uri));
    } else if (s->write_concern && slice_is_nocase(slice_of(s->write_concern), SLICE("majority"))) {
        mongoc_write_concern_set_w(w, MONGOC_WRITE_CONCERN_W_MAJORITY);
    } else if (s->write_concern && (!slice_to_u64(slice_of(s->write_concern), &count) || !count || count > 50)) {
        code = trb_error(err, TRB_INVALID, "BAD_OPTION", "writeconcern: '%s' is neither majority nor a number from 1 to 50",
                         s->write_concern);
    } else {
        mongoc_write_concern_set_w(w, (int32_t)count);
    }
    mongoc_write_concern_set_journal(w, true);
    mongoc_write_concern_set_wtimeout_int64(w, WRITE_PATIENCE_MS);
    if (!code)
        mongoc_uri_set_write_concern(s->uri, w);
    mongoc_write_concern_destroy(w);
    return code;
}

static trb_code set_read_concern(struct store *s, struct trb_error *err)
{
    static const char *const words[] = {"local", "available", "linearizable", "majority", "snapshot"};
    const char *level = s->read_concern;
    if (!level && mongoc_read_concern_get_level(mongoc_uri_get_read_concern(s->uri)))
        return TRB_OK;
    for (size_t n = 0; n < 5; n++)
        if (slice_is_nocase(slice_of(level ? level : "local"), slice_of(words[n]))) {
            mongoc_read_concern_t *r = mongoc_read_concern_new();
            mongoc_read_concern_set_level(r, words[n]);
            mongoc_uri_set_read_concern(s->uri, r);
            mongoc_read_concern_destroy(r);
            return TRB_OK;
        }
    return trb_error(err, TRB_INVALID, "BAD_OPTION", "readconcern: '%s' is none of available, local, majority, linearizable "
                     "and snapshot", level);
}

static void set_default(mongoc_uri_t *uri, const char *option, int64_t ms)
{
    if (!mongoc_uri_has_option(uri, option))
        mongoc_uri_set_option_as_int32(uri, option, ms < 1 ? 1 : ms > INT32_MAX ? INT32_MAX : (int32_t)ms);
}

static void set_limits(struct store *s)
{
    int64_t ms = s->timeout_ns / (int64_t)CLOCK_MS;
    set_default(s->uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, ms);
    set_default(s->uri, MONGOC_URI_CONNECTTIMEOUTMS, ms);
    set_default(s->uri, MONGOC_URI_SOCKETTIMEOUTMS, ms);
    mongoc_uri_set_option_as_int32(s->uri, MONGOC_URI_MAXPOOLSIZE, PARALLEL);
    if (!mongoc_uri_has_option(s->uri, MONGOC_URI_APPNAME))
        mongoc_uri_set_appname(s->uri, "trilby");
}

static void name_place(struct store *s)
{
    struct text t = {0};
    for (const mongoc_host_list_t *h = mongoc_uri_get_hosts(s->uri); h; h = h->next)
        text_addf(&t, "%s%s", t.len ? "," : "", h->host_and_port);
    if (!t.len)
        text_adds(&t, s->server ? s->server : "(by SRV)");
    s->place = t.at;
}

/* The library's words about a URI may hold the password. */
static trb_code read_uri(struct store *s, const char *text, struct trb_error *err)
{
    bson_error_t e;
    s->uri = mongoc_uri_new_with_error(text, &e);
    if (s->uri)
        return TRB_OK;
    if (s->connection && s->connection[0])
        return trb_error(err, TRB_INVALID, "BAD_OPTION", "connectionString is no MongoDB URI like mongodb://user:password@host:27017/");
    return trb_error(err, TRB_INVALID, "BAD_OPTION", "server, host, username, password and params together make no MongoDB URI");
}

static trb_code make_uri(struct store *s, struct trb_error *err)
{
    struct address a = {s->connection, s->server, s->host_list, s->username, s->password, s->params, s->database};
    struct text uri = {0};
    trb_code code = address_make(&a, &uri, err);
    if (!code)
        code = read_uri(s, uri.at, err);
    if (uri.at)
        mem_wipe(uri.at, uri.len);
    text_fini(&uri);
    if (code || (code = set_write_concern(s, err)) || (code = set_read_concern(s, err)))
        return code;
    set_limits(s);
    name_place(s);
    return TRB_OK;
}

/* --------------------------------------------------------------------------------------------- lines */
void line_take(struct store *s, struct line *l)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);      /* the first client starts the library's threads */
    l->client = mongoc_client_pool_pop(s->pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    l->items = mongoc_client_get_collection(l->client, s->database, s->collection);
}

void line_give_back(struct store *s, struct line *l)
{
    mongoc_collection_destroy(l->items);
    mongoc_client_pool_push(s->pool, l->client);
}

static trb_code ping(struct store *s, mongoc_client_t *client, struct trb_error *err)
{
    bson_error_t e;
    bson_t *command = BCON_NEW("ping", BCON_INT32(1));
    bool is_well = mongoc_client_command_simple(client, "admin", command, NULL, NULL, &e);
    bson_destroy(command);
    return is_well ? TRB_OK : connect_fail(s, &e, "cannot ping", err);
}

trb_code connect_ping(struct store *s, struct line *l, struct trb_error *err)
{
    return ping(s, l->client, err);
}

/* The start must say what is wrong before its own time is over, and its limits must not outlive it: a client of its own. */
static trb_code knock(struct store *s, uint64_t deadline_ns, struct trb_error *err)
{
    uint64_t now = clock_now_ns();
    int64_t left = deadline_ns > now ? (int64_t)((deadline_ns - now) / CLOCK_MS) : 1;
    left = left > 2 * START_MARGIN_MS ? left - START_MARGIN_MS : left / 2 + 1;
    if (!deadline_ns || left >= s->timeout_ns / (int64_t)CLOCK_MS)
        return TRB_OK;
    mongoc_uri_t *uri = mongoc_uri_copy(s->uri);
    mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, (int32_t)left);
    mongoc_uri_set_option_as_int32(uri, MONGOC_URI_CONNECTTIMEOUTMS, (int32_t)left);
    mongoc_uri_set_option_as_int32(uri, MONGOC_URI_SOCKETTIMEOUTMS, (int32_t)left);
    mongoc_uri_set_option_as_bool(uri, MONGOC_URI_SERVERSELECTIONTRYONCE, false);
    mongoc_client_t *client = mongoc_client_new_from_uri(uri);
    trb_code code = ping(s, client, err);
    mongoc_client_destroy(client);
    mongoc_uri_destroy(uri);
    return code;
}

static void begin_library(void)
{
    mongoc_init();
    mongoc_log_set_handler(NULL, NULL);             /* every fault comes back as an error, too */
}

static trb_code make_pool(struct store *s, struct trb_error *err)
{
    bson_error_t e;
    s->pool = mongoc_client_pool_new_with_error(s->uri, &e);
    if (!s->pool)
        return connect_fail(s, &e, "cannot prepare connections", err);
    mongoc_client_pool_set_error_api(s->pool, MONGOC_ERROR_API_VERSION_2);
    mongoc_apm_callbacks_t *callbacks = mongoc_apm_callbacks_new();
    mongoc_apm_set_topology_changed_cb(callbacks, on_topology);
    mongoc_client_pool_set_apm_callbacks(s->pool, callbacks, s);
    mongoc_apm_callbacks_destroy(callbacks);
    return TRB_OK;
}

trb_code connect_start(struct store *s, uint64_t deadline_ns, struct trb_error *err)
{
    const struct trb_once_service *once = s->host->extension(TRB_ONCE);
    trb_code code;
    pthread_mutex_init(&s->lock, NULL);
    s->has_lock = true;
    if (once)
        once->run("libmongoc", begin_library);
    else
        begin_library();
    if ((code = make_uri(s, err)) || (code = knock(s, deadline_ns, err)) || (code = make_pool(s, err)) || (code = probe(s, err)))
        return code;
    atomic_store(&s->is_up, true);
    return TRB_OK;
}

void connect_stop(struct store *s)
{
    atomic_store(&s->is_up, false);
    if (s->pool)
        mongoc_client_pool_destroy(s->pool);        /* joins the library's threads */
    if (s->uri)
        mongoc_uri_destroy(s->uri);
    s->place = mem_free(s->place);
    s->pool = NULL;
    s->uri = NULL;
    if (s->has_lock)
        pthread_mutex_destroy(&s->lock);
    s->has_lock = false;
}

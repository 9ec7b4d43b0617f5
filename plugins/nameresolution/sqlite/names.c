/* nameresolution.sqlite: apps of one machine find each other through a file.
 *
 * Each sidecar keeps its row fresh; a row that nobody touches is nobody. Where a sidecar finds its row
 * gone it registers again: the reference ends the process there. */
#include "hosts.h"
#include <base/codec.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <trilby/nameresolution.h>

#define NS_PER_S 1000000000ll

struct names {
    const char *file, *table, *metadata;
    int64_t timeout, busy, interval, cleanup;
    uint32_t without_wal;

    const struct trb_host *host;
    const struct trb_origin *origin;
    struct hosts hosts;                    /* under lock, as all that follows */
    char id[UUID_TEXT], address[300], app_id[256];
    bool is_open, is_registered, is_leaving, is_lost;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t keeper;
};

static const struct trb_option options[] = {
    TRB_STRING(struct names, file, "connectionString", .doc = "Path of the database file, or a file: URI.",
               .example = "names.db"),
    TRB_STRING(struct names, table, "tableName", .fallback = "hosts", .doc = "Table of the registrations."),
    TRB_STRING(struct names, metadata, "metadataTableName", .fallback = "metadata", .doc = "Table of the table's version."),
    TRB_DURATION(struct names, timeout, "timeout", .fallback = "1s", .doc = "A renewal begins so long before it is due."),
    TRB_DURATION(struct names, busy, "busyTimeout", .fallback = "800ms", .doc = "Wait so long for another writer."),
    TRB_DURATION(struct names, interval, "updateInterval", .fallback = "5s",
                 .doc = "A registration older than this counts no more; whole seconds."),
    TRB_DURATION(struct names, cleanup, "cleanupInterval", .fallback = "1h",
                 .doc = "Remove stale registrations so often; 0 or less: never."),
    TRB_BOOL(struct names, without_wal, "disableWAL", .fallback = "false",
             .doc = "Do without the write-ahead log, as network drives need."),
};

/* ------------------------------------------------------------------------------ keeping the row */
static void tell(struct names *n, const struct trb_error *err)
{
    if (err && !n->is_lost)
        n->host->lost(n->origin, err);
    else if (!err && n->is_lost)
        n->host->ready(n->origin);
    n->is_lost = err != NULL;
}

static void renew(struct names *n)
{
    struct trb_error err = {.size = sizeof err};
    struct trb_slice app_id = {n->app_id, strlen(n->app_id)};
    bool there = true;
    trb_code code = hosts_touch(&n->hosts, n->id, &there, &err);
    if (!code && !there) {
        trb_log(n->host, n->origin, TRB_LOG_WARN, "the registration of %s at %s was removed by somebody: registering again",
                n->app_id, n->address);
        code = hosts_add(&n->hosts, n->id, n->address, app_id, &err);
    }
    if (!code && n->cleanup > 0)
        code = hosts_sweep(&n->hosts, n->cleanup / NS_PER_S, &err);
    tell(n, code ? &err : NULL);
}

static void pause_until_due(struct names *n)
{
    struct timespec due;
    int64_t gap = n->interval - n->timeout;
    clock_gettime(CLOCK_MONOTONIC, &due);
    due.tv_sec += gap / NS_PER_S;
    due.tv_nsec += gap % NS_PER_S;
    if (due.tv_nsec >= NS_PER_S) {
        due.tv_sec++;
        due.tv_nsec -= NS_PER_S;
    }
    while (!n->is_leaving && !pthread_cond_timedwait(&n->wake, &n->lock, &due))
        ;
}

static void *keep(void *arg)
{
    struct names *n = arg;
    pthread_mutex_lock(&n->lock);
    for (pause_until_due(n); !n->is_leaving; pause_until_due(n))
        renew(n);
    pthread_mutex_unlock(&n->lock);
    return NULL;
}

static bool start_keeper(struct names *n)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    bool started = !pthread_create(&n->keeper, NULL, keep, n);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

/* --------------------------------------------------------------------------------------- verbs */
static void announce(void *self, struct trb_call *call, const void *question)
{
    const struct trb_name_announce *q = question;
    struct trb_error err = {.size = sizeof err};
    struct names *n = self;
    bool v6 = memchr(q->address.at, ':', q->address.len) && q->address.at[0] != '[';
    pthread_mutex_lock(&n->lock);
    snprintf(n->address, sizeof n->address, v6 ? "[%s]:%u" : "%s:%u", q->address.at, q->port);
    snprintf(n->app_id, sizeof n->app_id, "%s", q->app_id.at);
    struct trb_slice app_id = {n->app_id, strlen(n->app_id)};
    trb_code code = hosts_add(&n->hosts, n->id, n->address, app_id, &err);
    if (!code && !n->is_registered)
        n->is_registered = start_keeper(n);
    pthread_mutex_unlock(&n->lock);
    if (code)
        call->host->fail(call, &err);
    else
        trb_done(call);
}

static void resolve(void *self, struct trb_call *call, const void *question)
{
    const struct trb_name_resolve *q = question;
    struct trb_error err = {.size = sizeof err};
    struct names *n = self;
    char address[300];
    pthread_mutex_lock(&n->lock);
    trb_code code = hosts_find(&n->hosts, (struct trb_slice){q->app_id.at, q->app_id.len}, address, sizeof address, &err);
    pthread_mutex_unlock(&n->lock);
    struct trb_name_address found = {.size = sizeof found, .address = {address, code ? 0 : strlen(address)}};
    if (code)
        call->host->fail(call, &err);
    else
        call->host->done(call, &found, sizeof found);
}

/* ---------------------------------------------------------------------------------------- life */
static const char *fault_of(const struct names *n)
{
    if (!n->file || !*n->file)
        return "missing connection string";
    if (n->interval % NS_PER_S)
        return "updateInterval must be a whole number of seconds";
    if (n->interval < n->timeout + NS_PER_S)
        return "updateInterval must be at least one second longer than timeout";
    return NULL;
}

static bool is_in_memory(const char *file)
{
    return strstr(file, ":memory:") || strstr(file, "mode=memory");
}

static void start(void *self, struct trb_call *call, const void *setup)
{
    struct names *n = self;
    struct trb_error err = {.size = sizeof err};
    pthread_condattr_t by_clock;
    pthread_condattr_init(&by_clock);
    pthread_condattr_setclock(&by_clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&n->lock, NULL);
    pthread_cond_init(&n->wake, &by_clock);
    pthread_condattr_destroy(&by_clock);
    n->host = call->host;
    n->origin = call->origin;
    n->is_open = true;
    uuid_v4(n->id);
    const char *fault = fault_of(n);
    if (fault)
        return trb_fail(call, TRB_INVALID, "BAD_OPTION", "%s", fault);
    bool in_memory = is_in_memory(n->file);
    if (in_memory)
        trb_log(n->host, n->origin, TRB_LOG_WARN, "the database of names is in memory: no other sidecar will find this one");
    struct hosts_setup how = {.file = n->file, .table = n->table, .metadata = n->metadata, .busy_ms = n->busy / 1000000,
                              .fresh_s = n->interval / NS_PER_S, .uses_wal = !n->without_wal && !in_memory};
    if (hosts_open(&n->hosts, &how, &err))
        n->host->fail(call, &err);
    else
        trb_done(call);
}

static void leave(struct names *n)
{
    pthread_mutex_lock(&n->lock);
    n->is_leaving = true;
    pthread_cond_broadcast(&n->wake);
    pthread_mutex_unlock(&n->lock);
    if (n->is_registered) {
        struct trb_error err = {.size = sizeof err};
        pthread_join(n->keeper, NULL);
        if (hosts_remove(&n->hosts, n->id, &err))
            trb_log(n->host, n->origin, TRB_LOG_WARN, "%s", err.message);
    }
    hosts_close(&n->hosts);
    pthread_cond_destroy(&n->wake);
    pthread_mutex_destroy(&n->lock);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    struct names *n = self;
    if (n->is_open)
        leave(n);
    n->is_open = false;
    trb_done(call);
}

static const struct trb_nameresolution_ops ops = {.size = sizeof ops, .announce = announce, .resolve = resolve};
static const struct trb_component sqlite = {
    .size = sizeof sqlite, .block = "nameresolution", .type = "nameresolution.sqlite", .version = "v1",
    .summary = "Apps of one machine find each other through a SQLite file.",
    .run = TRB_ON_WORKERS, .max_parallel = 2, TRB_SELF(struct names, options),
    .ops = &ops, .start = start, .stop = stop,
};
TRB_PLUGIN("sqlite-names", "0.1.0", "Apache-2.0", &sqlite);

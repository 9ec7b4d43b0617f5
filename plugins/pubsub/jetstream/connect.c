/* connect: from the options to a connection that comes back by itself. The URL may hold a password: it is not repeated. */
#include "jetstream.h"
#include <base/clock.h>
#include <base/mem.h>
#include <base/slice.h>
#include <stdlib.h>
#include <unistd.h>

#define BAD "BAD_OPTION"
#define MAX_SERVERS 32
#define CONNECT_MS 4000
#define API_WAIT_MS 5000
#define SYSTEM_CAS "/etc/ssl/certs/ca-certificates.crt"

/* ------------------------------------------------------------------------------------- checking */
static trb_code read_back_off(struct bus *b, struct trb_error *err)
{
    struct trb_slice rest = slice_of(b->back_off);
    b->back_off_count = 0;
    while (rest.at) {
        struct trb_slice one = slice_trim(slice_split(&rest, ','));
        int64_t ns, seconds;
        if (slice_to_i64(one, &seconds) && seconds <= INT32_MAX)
            ns = seconds * (int64_t)CLOCK_S;
        else if (!clock_parse_duration(one, &ns))
            return trb_error(err, TRB_INVALID, BAD, "backOff: '%.*s' is no duration, such as 5s or 500ms", SLICE_ARG(one));
        if (ns <= 0 || b->back_off_count == sizeof b->back_offs / sizeof b->back_offs[0])
            return trb_error(err, TRB_INVALID, BAD, "backOff: expects at most 64 durations above zero");
        b->back_offs[b->back_off_count++] = ns;
    }
    return TRB_OK;
}

trb_code connect_check(struct bus *b, struct trb_error *err)
{
    if (!b->jwt != !b->seed)
        return trb_error(err, TRB_INVALID, BAD, "jwt and seedKey are given both or neither");
    if (!b->tls_cert != !b->tls_key)
        return trb_error(err, TRB_INVALID, BAD, "tls_client_cert and tls_client_key are given both or neither");
    if (b->domain && b->prefix)
        return trb_error(err, TRB_INVALID, BAD, "domain and apiPrefix exclude each other");
    if (b->deliver_policy == JS_POLICY_SEQUENCE && b->start_sequence <= 0)
        return trb_error(err, TRB_INVALID, BAD, "startSequence is required with deliverPolicy 'sequence'");
    if (b->deliver_policy == JS_POLICY_TIME && b->start_time <= 0)
        return trb_error(err, TRB_INVALID, BAD, "startTime is required with deliverPolicy 'time'");
    return read_back_off(b, err);
}

/* ----------------------------------------------------------------------------------- signing in */
static natsStatus give_jwt(char **ret_jwt, char **ret_error, void *arg)
{
    const struct bus *b = arg;
    *ret_jwt = strdup(b->jwt);
    return *ret_jwt ? NATS_OK : NATS_NO_MEMORY;
}

static natsStatus sign(char **ret_error, unsigned char **ret_signature, int *ret_len, const char *nonce, void *arg)
{
    const struct bus *b = arg;
    return nats_Sign(b->seed, nonce, ret_signature, ret_len);
}

static natsStatus sign_in(struct bus *b, natsOptions *o)
{
    if (b->jwt)
        return natsOptions_SetUserCredentialsCallbacks(o, give_jwt, b, sign, b);
    if (b->tls_cert) {
        natsStatus s = natsOptions_SetSecure(o, true);
        return s ? s : natsOptions_LoadCertificatesChain(o, b->tls_cert, b->tls_key);
    }
    return b->token ? natsOptions_SetToken(o, b->token) : NATS_OK;
}

/* libnats trusts nobody unless told whom. */
static natsStatus trust(natsOptions *o)
{
    const char *file = getenv("SSL_CERT_FILE");
    if (!file || !*file)
        file = SYSTEM_CAS;
    return access(file, R_OK) ? NATS_OK : natsOptions_LoadCATrustedCertificates(o, file);
}

/* ------------------------------------------------------------------------------ what it tells us */
static void on_lost(natsConnection *nc, void *arg)
{
    struct bus *b = arg;
    struct trb_error err = {0};
    const char *why = NULL;
    natsConnection_GetLastError(nc, &why);
    trb_error(&err, TRB_UNAVAILABLE, "CONNECTION", "the connection to NATS is lost%s%s", why && *why ? ": " : "", why ? why : "");
    pthread_mutex_lock(&b->lock);
    bool is_new = !b->is_lost && !b->stopping;
    b->is_lost = true;
    pthread_mutex_unlock(&b->lock);
    if (is_new)
        b->host->lost(b->origin, &err);
}

/* The last that libnats says of this connection. */
static void on_closed(natsConnection *nc, void *arg)
{
    struct bus *b = arg;
    pthread_mutex_lock(&b->lock);
    bool is_early = !b->stopping;
    b->is_closed = true;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
    if (is_early)
        trb_log(b->host, b->origin, TRB_LOG_WARN, "NATS has refused to let us sign in again; it is tried by new connections");
}

static void look(struct bus *b, struct job *job)
{
    mem_free(job);
    consumers_look(b);
}

static void say_ready(struct bus *b, struct job *job)
{
    pthread_mutex_lock(&b->lock);
    bool was_lost = b->is_lost && !b->stopping;
    b->is_lost = false;
    if (job)
        line_push(&b->keeper, job);
    pthread_mutex_unlock(&b->lock);
    if (was_lost)
        b->host->ready(b->origin);
}

static void on_back(natsConnection *nc, void *arg)
{
    struct job *job = mem_zero(sizeof *job);
    job->run = look;
    say_ready(arg, job);
}

static void on_trouble(natsConnection *nc, natsSubscription *sub, natsStatus s, void *arg)
{
    struct bus *b = arg;
    trb_log(b->host, b->origin, s == NATS_SLOW_CONSUMER ? TRB_LOG_WARN : TRB_LOG_DEBUG, "NATS: %s%s", natsStatus_GetText(s),
            s == NATS_SLOW_CONSUMER ? ": messages come faster than the application handles them; some are delivered again later" : "");
}

static int64_t pause_ms(natsConnection *nc, int attempts, void *arg)
{
    int64_t ms = 50;
    for (int n = 1; n < attempts && ms < 5000; n++)
        ms *= 2;
    return ms < 5000 ? ms : 5000;
}

/* ------------------------------------------------------------------------------------ connecting */
static natsStatus set_servers(struct bus *b, natsOptions *o, char *text)
{
    const char *servers[MAX_SERVERS];
    int count = 0;
    char *rest = NULL;
    for (char *one = strtok_r(text, ", ", &rest); one && count < MAX_SERVERS; one = strtok_r(NULL, ", ", &rest))
        servers[count++] = one;
    return count ? natsOptions_SetServers(o, servers, count) : NATS_INVALID_ARG;
}

static natsStatus set_options(struct bus *b, natsOptions *o)
{
    char *text = mem_text(b->url, strlen(b->url));
    natsStatus s = set_servers(b, o, text);
    mem_wipe(text, strlen(b->url));
    mem_free(text);
    if (!s)
        s = natsOptions_SetName(o, b->name);
    if (!s)
        s = natsOptions_SetTimeout(o, CONNECT_MS);
    if (!s)
        s = natsOptions_SetMaxReconnect(o, -1);
    if (!s)
        s = natsOptions_SetCustomReconnectDelay(o, pause_ms, b);
    if (!s)
        s = natsOptions_SetPingInterval(o, 5000);
    if (!s)
        s = natsOptions_SetMaxPingsOut(o, 2);
    if (!s)
        s = natsOptions_SetWriteDeadline(o, 5000);
    if (!s)
        s = natsOptions_SetDisconnectedCB(o, on_lost, b);
    if (!s)
        s = natsOptions_SetReconnectedCB(o, on_back, b);
    if (!s)
        s = natsOptions_SetClosedCB(o, on_closed, b);
    if (!s)
        s = natsOptions_SetErrorHandler(o, on_trouble, b);
    return s;
}

static trb_code open_stream_api(struct bus *b, natsConnection *nc, jsCtx **ret_js, struct trb_error *err)
{
    jsOptions o;
    jsOptions_Init(&o);
    o.Prefix = b->prefix;
    o.Domain = b->domain;
    o.Wait = API_WAIT_MS;
    o.PublishAsync.AckHandler = publish_acked;
    o.PublishAsync.AckHandlerClosure = b;
    natsStatus s = natsConnection_JetStream(ret_js, nc, &o);
    return s ? bus_error(err, s, 0, "JetStream cannot be used") : TRB_OK;
}

static trb_code connect(struct bus *b, natsConnection **ret_nc, struct trb_error *err)
{
    natsOptions *o = NULL;
    natsStatus s = natsOptions_Create(&o);
    if (!s)
        s = set_options(b, o);
    if (s) {
        natsOptions_Destroy(o);
        return trb_error(err, TRB_INVALID, BAD, "natsURL: expects one server or several as nats://host:port, separated by commas");
    }
    s = trust(o);
    if (!s)
        s = sign_in(b, o);
    if (s) {
        const char *why = nats_GetLastError(NULL);
        trb_error(err, TRB_INVALID, BAD, "tls_client_cert, tls_client_key or seedKey cannot be used: %s",
                  why && *why ? why : natsStatus_GetText(s));
    } else if ((s = natsConnection_Connect(ret_nc, o))) {
        bus_error(err, s, 0, "cannot connect to NATS");
    }
    natsOptions_Destroy(o);
    return s ? err->code : TRB_OK;
}

trb_code connect_now(struct bus *b, struct trb_error *err)
{
    trb_code code = connect(b, &b->nc, err);
    return code ? code : open_stream_api(b, b->nc, &b->js, err);
}

static bool set_closed(struct bus *b, bool is_closed)
{
    pthread_mutex_lock(&b->lock);
    bool is_other = !b->stopping && b->is_closed != is_closed;
    if (is_other)
        b->is_closed = is_closed;
    pthread_mutex_unlock(&b->lock);
    return is_other;
}

/* A connection that was twice refused to sign in again, libnats closes for good. What waits for the old one has failed
 * before the sender has the new one. */
bool connect_again(struct bus *b)
{
    struct trb_error err = {0};
    natsConnection *nc = NULL;
    jsCtx *js = NULL;
    if (!set_closed(b, false))
        return false;
    if (connect(b, &nc, &err)) {
        set_closed(b, true);
        return false;
    }
    line_end(&b->sender);
    jsCtx_Destroy(b->js);
    natsConnection_Destroy(b->nc);
    b->nc = nc;
    b->js = open_stream_api(b, nc, &js, &err) ? NULL : js;
    publish_lose(b);
    b->sender.ends = false;
    if (!line_start(b, &b->sender))
        set_closed(b, true);                    /* what is to be sent waits for a thread */
    say_ready(b, NULL);
    return true;
}

void connect_end(struct bus *b)
{
    if (!b->nc)
        return;
    natsConnection_FlushTimeout(b->nc, 1000);
    natsConnection_Close(b->nc);
    pthread_mutex_lock(&b->lock);
    while (!b->is_closed)
        pthread_cond_wait(&b->changed, &b->lock);
    pthread_mutex_unlock(&b->lock);
    jsCtx_Destroy(b->js);
    natsConnection_Destroy(b->nc);
    b->js = NULL;
    b->nc = NULL;
}

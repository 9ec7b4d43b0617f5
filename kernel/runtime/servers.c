/* servers: addresses and ports, opening with patience, closing in two steps. */
#include <base/clock.h>
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <channel/peer_door.h>
#include <channel/proxy.h>
#include <identity/access.h>
#include <request/grpc_reflection.h>
#include <runtime/inside.h>

#define OPEN_TRIES 50u
#define OPEN_PAUSE_NS (200 * CLOCK_MS)
#define RULES_BUDGET (1u << 20)
#define DRAIN_CAP_NS (10 * CLOCK_S)

/* ------------------------------------------------------------------------------ where to listen */
static void add_address(struct server *s, struct trb_slice address)
{
    if (s->address_count < MOST_LISTENERS)
        s->addresses[s->address_count++] = address;
}

static void api_addresses(struct runtime *rt, struct server *s, const char *kind)
{
    const struct flags *f = rt->setup.flags;
    if (f->unix_socket.len) {
        add_address(s, slice_name(arena_printf(rt->keep, "unix:%s/dapr-%s-%s.socket", f->unix_socket.at,
                                               rt->info.app_id.at, kind)));
        s->port = 0;
        return;
    }
    for (uint32_t i = 0; i < f->listen.count; i++)
        add_address(s, slice_name(f->listen.at[i]));
    if (!f->listen.count)
        add_address(s, SLICE(""));
}

static bool try_open(struct server *s)
{
    for (uint32_t i = 0; i < s->address_count; i++) {
        struct trb_error err = ERROR_INIT;
        struct listener *l;
        if (listener_open(s->addresses[i], s->port, &s->setup, NULL, &l, &err))
            log_write(LOG_WARN, SCOPE, "%s: %s", s->what, error_text(&err).at);
        else
            s->ports[s->count++].listener = l;
    }
    return s->count > 0;
}

/* ------------------------------------------------------------------------- from the first moment on */
static trb_code open_metrics(struct runtime *rt, struct trb_error *err)
{
    const struct flags *f = rt->setup.flags;
    struct server *s = &rt->servers.metrics;
    uint32_t port;
    trb_code code = flags_metrics_port(f, &port, err);
    if (code || !f->enable_metrics)
        return code;
    s->what = "metrics server";
    s->port = (uint16_t)port;
    s->setup = metrics_server_setup(rt);
    if (port > 65535)
        return error_set(err, TRB_INVALID, "PORT", "failed to listen on %s:%u: listen tcp: address %u: invalid port",
                         f->metrics_address.at, port, port);
    code = listener_open(slice_name(f->metrics_address), s->port, &s->setup, NULL, &s->ports[0].listener, err);
    if (code)
        return error_prefix(err, "failed to listen on %s:%u: ", f->metrics_address.at, port);
    s->count = 1;
    log_info(SCOPE, "metrics server started on %s:%u/", f->metrics_address.at, listener_port(s->ports[0].listener));
    return TRB_OK;
}

static trb_code reserve_peer(struct runtime *rt, struct trb_error *err)
{
    const struct flags *f = rt->setup.flags;
    struct server *s = &rt->servers.peer;
    struct trb_slice address = slice_name(f->internal_address);
    s->what = "Internal gRPC server";
    s->port = (uint16_t)(f->internal ? f->internal : stable_port(f));
    trb_code code = listener_bind(address, s->port, &s->ports[0].listener, err);
    if (code && !f->internal)
        code = listener_bind(address, 0, &s->ports[0].listener, err);
    if (code)
        return error_prefix(err, "failed to reserve the internal gRPC port: ");
    s->count = 1;
    rt->info.peer_port = s->port = listener_port(s->ports[0].listener);
    return TRB_OK;
}

trb_code servers_reserve(struct runtime *rt, struct trb_error *err)
{
    trb_code code = open_metrics(rt, err);
    return code ? code : reserve_peer(rt, err);
}

/* --------------------------------------------------------------------------------------- the doors */
static bool is_for_http(const struct configuration_api_rule *r)
{
    return !r->protocol.len || slice_is_nocase(slice_name(r->protocol), SLICE("http"));
}

/* In these letters only. */
static bool is_for_grpc(const struct configuration_api_rule *r)
{
    return slice_is(slice_name(r->protocol), SLICE("grpc"));
}

static struct api_rule *pick(struct runtime *rt, const struct configuration_api_rule *rules, uint32_t count,
                             bool (*is_for)(const struct configuration_api_rule *), uint32_t *ret_count)
{
    struct api_rule *picked = arena_zero(rt->servers.rules.arena, (count + 1) * sizeof *picked);
    *ret_count = 0;
    for (uint32_t i = 0; i < count; i++)
        if (is_for(&rules[i]))
            picked[(*ret_count)++] = (struct api_rule){slice_name(rules[i].name), slice_name(rules[i].version)};
    return picked;
}

/* Their texts are the configuration's. */
static void read_rules(struct runtime *rt)
{
    const struct configuration *c = rt->rules;
    struct api_rules *r = &rt->servers.rules;
    arena_destroy(r->arena);
    r->arena = arena_create(RULES_BUDGET);
    r->http_allowed = pick(rt, c->allowed, c->allowed_count, is_for_http, &r->http_allowed_count);
    r->http_denied = pick(rt, c->denied, c->denied_count, is_for_http, &r->http_denied_count);
    r->grpc_allowed = pick(rt, c->allowed, c->allowed_count, is_for_grpc, &r->grpc_allowed_count);
    r->grpc_denied = pick(rt, c->denied, c->denied_count, is_for_grpc, &r->grpc_denied_count);
}

static struct door_rules door_rules_of(struct runtime *rt, bool is_grpc)
{
    const struct flags *f = rt->setup.flags;
    const struct configuration *c = rt->rules;
    const struct api_rules *r = &rt->servers.rules;
    struct door_rules rules = {.log_calls = f->api_logging >= 0 ? f->api_logging > 0 : c->api_logging,
                               .log_health = !c->omit_health_checks, .obfuscate_urls = c->obfuscate_urls};
    if (is_grpc) {
        rules.grpc_allowed = r->grpc_allowed;
        rules.grpc_allowed_count = r->grpc_allowed_count;
        rules.grpc_denied = r->grpc_denied;
        rules.grpc_denied_count = r->grpc_denied_count;
    }
    return rules;
}

/* Routes have the rules of HTTP in them, so they are made anew. */
void servers_take_rules(struct runtime *rt)
{
    struct servers *s = &rt->servers;
    read_rules(rt);
    struct door_rules http = door_rules_of(rt, false), grpc = door_rules_of(rt, true);
    door_http_set_rules(s->http_door, &http);
    if (s->public_door)
        door_http_set_rules(s->public_door, &http);
    door_grpc_set_rules(s->grpc_door, &grpc);
    blocks_publish(rt);
}

static struct trace_setup trace_of(const struct configuration *c)
{
    const struct configuration_tracing *t = &c->tracing;
    bool exports = t->to_stdout || t->zipkin_endpoint.len || t->otel_endpoint.len;
    return (struct trace_setup){.is_on = t->rate > 0, .rate = t->rate,
                                .has_provider = t->rate > 0 && (exports || t->sampling_rate.len)};
}

static void tell_sampler(const struct trace_setup *t)
{
    char root[64];
    if (t->rate >= 1)
        snprintf(root, sizeof root, "AlwaysOnSampler");
    else
        snprintf(root, sizeof root, "TraceIDRatioBased{%g}", t->rate);
    log_info(SCOPE, "Dapr trace sampler initialized: ParentBased{root:%s,remoteParentSampled:AlwaysOnSampler,"
             "remoteParentNotSampled:AlwaysOffSampler,localParentSampled:AlwaysOnSampler,"
             "localParentNotSampled:AlwaysOffSampler}", root);
}

#define REQUEST_BUDGET (64u << 20)

static struct door_setup common_setup(struct runtime *rt)
{
    const struct flags *f = rt->setup.flags;
    struct configuration *c = rt->configuration;
    return (struct door_setup){
        .max_body = f->max_body_bytes, .arena_budget = REQUEST_BUDGET, .api_token = slice_name(rt->environment.api_token),
        .trace = trace_of(c), .rules = door_rules_of(rt, false)};
}

static void http_doors(struct runtime *rt)
{
    struct door_setup setup = common_setup(rt);
    struct trb_slice origins[64], rest = slice_name(rt->setup.flags->allowed_origins);
    setup.has_cors = rest.len > 0;
    while (rest.len && rest.at && setup.origin_count < countof(origins))
        origins[setup.origin_count++] = slice_trim(slice_split(&rest, ','));
    setup.origins = origins;
    api_metrics_fill(rt, &setup, false);
    rt->servers.http_door = door_http_create(&setup);
    setup.is_public = true;
    if (rt->setup.flags->public_)
        rt->servers.public_door = door_http_create(&setup);
}

/* What other sidecars may call, reflection, and whatever else the app serves. */
static const struct grpc_service_handler *peer_handlers(uint32_t *ret_count)
{
    static struct grpc_service_handler all[8];
    uint32_t peers, reflections;
    const struct grpc_service_handler *peer = peer_door_handlers(&peers), *reflection = reflection_handlers(&reflections);
    check(peers + reflections < countof(all));
    memcpy(all, peer, peers * sizeof *peer);
    memcpy(all + peers, reflection, reflections * sizeof *reflection);
    all[peers + reflections] = *proxy_handler(true);
    *ret_count = peers + reflections + 1;
    return all;
}

static void grpc_doors(struct runtime *rt)
{
    struct door_setup setup = common_setup(rt);
    uint32_t count;
    api_metrics_fill(rt, &setup, true);
    setup.rules = door_rules_of(rt, true);
    rt->servers.grpc_door = door_grpc_create(&setup);
    setup.api_token = (struct trb_slice){NULL, 0};
    setup.rules.log_calls = false;
    rt->servers.peer_door = door_grpc_create(&setup);
    const struct grpc_service_handler *handlers = peer_handlers(&count);
    door_grpc_set_table(rt->servers.peer_door, grpc_table_create(NULL, 0, handlers, count));
}

void servers_prepare(struct runtime *rt)
{
    struct trace_setup trace = trace_of(rt->configuration);
    read_rules(rt);
    tell_sampler(&trace);
    if (rt->environment.api_token.len) {
        log_info("dapr.runtime.http", "Enabled token authentication on HTTP server");
        log_info("dapr.runtime.grpc.api", "Enabled token authentication on gRPC server");
    }
    http_doors(rt);
    grpc_doors(rt);
    peer_door_set_policy(access_is_refused);
    proxy_set_policy(access_is_refused);
}

/* --------------------------------------------------------------------------------------- opening */
#define WINDOW (256u << 10)

static struct http_server_setup http_setup(struct runtime *rt, struct door_http *door)
{
    uint64_t head = rt->setup.flags->read_buffer_bytes;
    return (struct http_server_setup){
        .on_request = door_http_on_request, .arg = door, .max_head = head + 4096, .window = WINDOW,
        .head_timeout_ns = 10 * CLOCK_S, .http1 = true, .http2 = !rt->environment.no_h2c,
        .upgrade_h2c = !rt->environment.no_h2c, .http2_max_header_list = (uint32_t)(head + 4096)};
}

static struct http_server_setup grpc_setup(struct runtime *rt, struct door_grpc *door)
{
    uint64_t list = rt->setup.flags->read_buffer_bytes * 1024;
    return (struct http_server_setup){
        .on_request = door_grpc_on_request, .arg = door, .max_head = list, .window = WINDOW,
        .head_timeout_ns = 10 * CLOCK_S, .idle_timeout_ns = 180 * CLOCK_S, .http2 = true,
        .http2_only = "this port speaks gRPC, over HTTP/2 without an upgrade: the HTTP API is on --dapr-http-port",
        .grpc_keepalive = true,
        .http2_max_header_list = (uint32_t)(list < UINT32_MAX ? list : UINT32_MAX)};
}

static void describe(struct runtime *rt)
{
    const struct flags *f = rt->setup.flags;
    struct servers *s = &rt->servers;
    s->grpc.what = "API gRPC server";
    s->grpc.port = (uint16_t)f->grpc;
    s->grpc.setup = grpc_setup(rt, s->grpc_door);
    api_addresses(rt, &s->grpc, "grpc");
    s->http.what = "HTTP server";
    s->http.port = (uint16_t)f->http;
    s->http.setup = http_setup(rt, s->http_door);
    api_addresses(rt, &s->http, "http");
    s->peer.setup = grpc_setup(rt, s->peer_door);
    if (!s->public_door)
        return;
    s->public_.what = "public HTTP server";
    s->public_.port = (uint16_t)f->public_;
    s->public_.setup = http_setup(rt, s->public_door);
    add_address(&s->public_, slice_name(f->public_address));
}

static bool is_port(struct runtime *rt, uint32_t port, const char *what)
{
    if (port <= 65535)
        return true;
    runtime_fail(rt, "failed to start %s: could not listen on any endpoint (there is no port %u)", what, port);
    return false;
}

static void tell_running(struct runtime *rt, const struct server *s)
{
    if (rt->setup.flags->unix_socket.len)
        log_info(SCOPE, "%s is running on socket %s", s->what, s->addresses[0].at + 5);
    else
        log_info(SCOPE, "%s is running on port %u", s->what, listener_port(s->ports[0].listener));
}

static void open_all(void *arg);

/* true: it is open. */
static bool open_one(struct runtime *rt, struct server *s)
{
    struct servers *all = &rt->servers;
    if (s->count || try_open(s)) {
        if (s == &all->http || s == &all->grpc)
            tell_running(rt, s);
        return true;
    }
    if (++all->tries < OPEN_TRIES)
        timer_after(loop_at(0), &all->again, OPEN_PAUSE_NS, open_all, rt);
    else
        runtime_fail(rt, "failed to start %s: could not listen on any endpoint", s->what);
    return false;
}

static void open_all(void *arg)
{
    struct runtime *rt = arg;
    struct servers *s = &rt->servers;
    if (runtime_is_stopping(rt))
        return;
    if (!s->grpc.count && !open_one(rt, &s->grpc))
        return;
    if (!s->http.count && !open_one(rt, &s->http))
        return;
    if (s->public_door && !open_one(rt, &s->public_))
        return;
    listener_serve(s->peer.ports[0].listener, &s->peer.setup, NULL);
    log_info(SCOPE, "Internal gRPC server is running on %s:%u", rt->setup.flags->internal_address.at, s->peer.port);
    s->opened(rt);
}

void servers_open(struct runtime *rt, void (*opened)(struct runtime *))
{
    const struct flags *f = rt->setup.flags;
    rt->servers.opened = opened;
    if (!is_port(rt, f->http, "HTTP server") || !is_port(rt, f->grpc, "API gRPC server") ||
        !is_port(rt, f->public_, "public HTTP server"))
        return;
    describe(rt);
    open_all(rt);
}

/* --------------------------------------------------------------------------------------- closing */
static void one_done(void *arg)
{
    struct servers *s = arg;
    if (--s->owed)
        return;
    timer_end(&s->cap);
    s->done(s->done_arg);
}

static void on_drained(void *arg)
{
    struct open_port *p = arg;
    p->is_drained = true;
    one_done(p->all);
}

static void drain_server(struct servers *all, struct server *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        all->owed++;
        s->ports[i].all = all;
        listener_drain(s->ports[i].listener, on_drained, &s->ports[i]);
    }
}

/* Ten seconds are the HTTP servers' share of the graceful time; then the rest is cut, and the end of
 * that takes the place of the drain's. */
static void on_cap(void *arg)
{
    struct servers *all = arg;
    struct server *http[] = {&all->http, &all->public_};
    for (size_t n = 0; n < countof(http); n++)
        for (uint32_t i = 0; i < http[n]->count; i++)
            if (!http[n]->ports[i].is_drained) {
                listener_close(http[n]->ports[i].listener, on_drained, &http[n]->ports[i]);
                http[n]->ports[i].listener = NULL;
            }
}

void servers_drain(struct runtime *rt, void (*done)(void *), void *arg)
{
    struct servers *s = &rt->servers;
    timer_end(&s->again);
    s->done = done;
    s->done_arg = arg;
    s->owed = 1;
    drain_server(s, &s->http);
    drain_server(s, &s->public_);
    drain_server(s, &s->grpc);
    drain_server(s, &s->peer);
    timer_after(loop_at(0), &s->cap, DRAIN_CAP_NS, on_cap, s);
    one_done(s);
}

static void close_server(struct servers *all, struct server *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (s->ports[i].listener) {
            all->owed++;
            listener_close(s->ports[i].listener, one_done, all);
            s->ports[i].listener = NULL;
        }
    s->count = 0;
}

void servers_close(struct runtime *rt, void (*done)(void *), void *arg)
{
    struct servers *s = &rt->servers;
    timer_end(&s->again);
    timer_end(&s->cap);
    s->done = done;
    s->done_arg = arg;
    s->owed = 1;
    close_server(s, &s->http);
    close_server(s, &s->public_);
    close_server(s, &s->grpc);
    close_server(s, &s->peer);
    close_server(s, &s->metrics);
    one_done(s);
}

void servers_release(struct runtime *rt)
{
    struct servers *s = &rt->servers;
    s->http_door = door_http_destroy(s->http_door);
    s->public_door = door_http_destroy(s->public_door);
    s->grpc_door = door_grpc_destroy(s->grpc_door);
    s->peer_door = door_grpc_destroy(s->peer_door);
    s->rules.arena = arena_destroy(s->rules.arena);
}

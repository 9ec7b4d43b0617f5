/* app: port, probes, configuration. Its calls are tasks, so they go the one way out. */
#include <base/clock.h>
#include <base/error.h>
#include <base/json.h>
#include <base/log.h>
#include <base/slice.h>
#include <channel/channel.h>
#include <observe/metrics.h>
#include <runtime/inside.h>

#define PORT_PAUSE_NS (100 * CLOCK_MS)
#define PORT_WORDS 100u
#define ANSWER_MOST (4u << 20)
#define PROBE (TRB_OUT_NO_TRACE | TRB_OUT_NO_TOKEN | TRB_OUT_NO_SLOT | TRB_OUT_EVEN_UNHEALTHY)
#define HEALTH_METHOD "/dapr.proto.runtime.v1.AppCallbackHealthCheck/HealthCheck"

static bool speaks_http(const struct runtime *rt)
{
    struct trb_slice protocol = slice_name(rt->info.app_protocol);
    return slice_is(protocol, SLICE("http")) || slice_is(protocol, SLICE("https")) || slice_is(protocol, SLICE("h2c"));
}

/* --------------------------------------------------------------------------------- the start calls */
static void start_work(struct runtime *rt)
{
    rt->app.is_asking = false;
    if (rt->app.is_stopped || !rt->app.is_healthy)
        return;
    if (!rt->app.has_ended_work)
        blocks_app_up(rt);
    runtime_ready(rt);
}

static void config_over(void *arg)
{
    start_work(arg);
}

/* What is in it concerns blocks that are not there yet; that it can be read is said today. */
static void read_config(struct trb_data body)
{
    struct json_value value;
    struct json_fault fault;
    if (json_parse((struct trb_slice){body.at ? body.at : "", body.len}, &value, &fault))
        log_info(SCOPE, "Application configuration loaded");
    else
        log_warn(SCOPE, "error while reading the application's configuration: %s", fault.message);
}

static struct trb_next take_config(struct trb_request *rq)
{
    struct runtime *rt = rq->kernel->task_arg(rq);
    read_config(rq->kernel->outcome_body(rq));
    loop_call(loop_at(0), config_over, rt);
    return rq->kernel->task_end(rq);
}

/* An answer that is not wanted is read all the same: cutting it short would reset the app's connection. */
static struct trb_next leave(struct trb_request *rq)
{
    return rq->kernel->task_end(rq);
}

static struct trb_next config_answered(struct trb_request *rq)
{
    struct runtime *rt = rq->kernel->task_arg(rq);
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    if (o && o->status == 200)
        return rq->kernel->outcome_gather(rq, ANSWER_MOST, TRB_GO(take_config));
    if (!o)
        log_warn(SCOPE, "error getting app configuration: %s", rq->kernel->failure(rq)->message);
    loop_call(loop_at(0), config_over, rt);
    return rq->kernel->outcome_gather(rq, ANSWER_MOST, TRB_GO(leave));
}

static struct trb_next ask_config(struct trb_request *rq)
{
    struct runtime *rt = rq->kernel->task_arg(rq);
    struct trb_pair *pairs = trb_alloc(rq, 2 * sizeof *pairs);
    pairs[0] = (struct trb_pair){NAME("Dapr-App-Id"), rt->info.app_id};
    pairs[1] = (struct trb_pair){NAME("Content-Type"), NAME("application/json")};
    struct trb_outcall call = {.size = sizeof call, .to = TRB_TO_APP, .method = SLICE("GET"),
                               .path = SLICE("/dapr/config"), .headers = {pairs, 2, sizeof *pairs},
                               .flags = TRB_OUT_NO_TRACE};
    return rq->kernel->send(rq, &call, TRB_GO(config_answered));
}

static void app_is_up(struct runtime *rt)
{
    if (rt->app.is_asking)
        return;
    if (rt->info.skip_config)
        log_info(SCOPE, "Skipping programmatic dapr configuration loading (see 'disable-init-endpoints' "
                 "flag/annotation)");
    if (rt->info.skip_config || !speaks_http(rt))
        return start_work(rt);
    rt->app.is_asking = true;
    request_task_post(&rt->owner, 0, TRB_GO(ask_config), rt);
}

/* -------------------------------------------------------------------------------------- health */
static void probe(void *arg);

static void become(struct runtime *rt, bool healthy, const char *why)
{
    if (rt->app.is_healthy == healthy)
        return;
    rt->app.is_healthy = healthy;
    rt->app.failures = !healthy;
    channel_set_app_health(healthy);
    if (healthy) {
        log_info(SCOPE, "App entered healthy status");
        app_is_up(rt);
    } else {
        log_warn(SCOPE, "App entered un-healthy status: %s", why);
        blocks_app_down(rt);
        shutdown_app_unhealthy(rt);
    }
}

static void count_probe(struct runtime *rt, const char *label, struct trb_name status, const char *count, const char *latency)
{
    struct trb_pair pairs[] = {{NAME("app_id"), rt->info.app_id}, {name_of(label), status}};
    struct trb_pairs labels = {pairs, 2, sizeof pairs[0]};
    metric_add(metric_get(count, &labels), 1);
    metric_add(metric_get(latency, &labels), (double)((clock_now_ns() - rt->app.probed_ns) / CLOCK_MS));
}

static void count_http_probe(struct runtime *rt, uint32_t status)
{
    char text[12];
    snprintf(text, sizeof text, "%u", status);
    count_probe(rt, "status", name_of(text), "dapr_http_healthprobes_completed_count",
                "dapr_http_healthprobes_roundtrip_latency");
}

static void count_grpc_probe(struct runtime *rt, trb_code code)
{
    count_probe(rt, "grpc_client_status", name_of(error_code_name(code)), "dapr_grpc_io_healthprobes_completed_count",
                "dapr_grpc_io_healthprobes_roundtrip_latency");
}

/* Failures add up: a success while healthy does not forget them. The first of an app that never was is told. */
static void probe_over(struct runtime *rt, bool is_good, const char *why)
{
    struct app *a = &rt->app;
    uint64_t next = a->probed_ns + rt->info.app_health_interval_ns, now = loop_now_ns(loop_at(0));
    if (a->is_stopped)
        return;
    timer_set(loop_at(0), &a->again, next > now ? next : now, probe, rt);
    if (is_good)
        become(rt, true, NULL);
    else if (!a->is_healthy && !a->failures++)
        log_warn(SCOPE, "App is not healthy yet: %s", why);
    else if (a->is_healthy && ++a->failures >= rt->info.app_health_threshold)
        become(rt, false, why);
}

static struct trb_next probe_answered(struct trb_request *rq)
{
    struct runtime *rt = rq->kernel->task_arg(rq);
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    char why[512];
    if (o)
        snprintf(why, sizeof why, "the health check answered with status %u", o->status);
    else
        snprintf(why, sizeof why, "%s", rq->kernel->failure(rq)->message);
    count_http_probe(rt, o ? o->status : 500);
    probe_over(rt, o && o->status / 100 == 2, why);
    return rq->kernel->outcome_gather(rq, ANSWER_MOST, TRB_GO(leave));
}

static struct trb_next ask_health(struct trb_request *rq)
{
    struct runtime *rt = rq->kernel->task_arg(rq);
    struct trb_slice path = slice_name(rt->info.app_health_path);
    if (!path.len || path.at[0] != '/')
        path = slice_name(trb_printf(rq, "/%.*s", SLICE_ARG(path)));
    struct trb_outcall call = {.size = sizeof call, .to = TRB_TO_APP, .method = SLICE("GET"), .path = path,
                               .timeout_ns = rt->info.app_health_timeout_ns,
                               .flags = PROBE};
    return rq->kernel->send(rq, &call, TRB_GO(probe_answered));
}

static struct trb_next rpc_answered(struct trb_request *rq)
{
    struct runtime *rt = rq->kernel->task_arg(rq);
    const struct trb_outcome *o = rq->kernel->outcome(rq);
    const struct trb_error *failure = o ? NULL : rq->kernel->failure(rq);
    trb_code code = o ? o->grpc_code : failure->code;
    struct trb_slice text = o ? o->reason : slice_of(failure->message);
    char why[512];
    snprintf(why, sizeof why, "rpc error: code = %s desc = %.*s", error_code_name(code), SLICE_ARG(text));
    count_grpc_probe(rt, code);
    probe_over(rt, o && !code, why);
    return rq->kernel->task_end(rq);
}

/* Any error counts as a failure, a method that is not there, too. */
static struct trb_next ask_health_rpc(struct trb_request *rq)
{
    struct runtime *rt = rq->kernel->task_arg(rq);
    struct trb_outcall call = {.size = sizeof call, .to = TRB_TO_APP_GRPC, .method = SLICE(HEALTH_METHOD),
                               .timeout_ns = rt->info.app_health_timeout_ns, .flags = PROBE};
    return rq->kernel->send(rq, &call, TRB_GO(rpc_answered));
}

static void probe(void *arg)
{
    struct runtime *rt = arg;
    rt->app.probed_ns = loop_now_ns(loop_at(0));
    request_task_post(&rt->owner, 0, speaks_http(rt) ? TRB_GO(ask_health) : TRB_GO(ask_health_rpc), rt);
}

/* ---------------------------------------------------------------------------------------- port */
static void look_for_port(void *arg);

static void dial_over(struct runtime *rt)
{
    rt->app.is_dialling = false;
    if (rt->app.quiet)
        rt->app.quiet(rt->app.quiet_arg);
}

static void dial(struct runtime *rt, void (*then)(void *, bool))
{
    rt->app.is_dialling = true;
    channel_probe_app(then, rt);
}

static void listens(struct runtime *rt)
{
    log_info(SCOPE, "application discovered on port %u", rt->info.app_port);
    if (!rt->info.app_health_check) {
        rt->app.is_healthy = true;
        return app_is_up(rt);
    }
    log_info(SCOPE, "App health probes starting");
    runtime_ready(rt);
    probe(rt);
}

static void on_looked(void *arg, bool is_there)
{
    struct runtime *rt = arg;
    dial_over(rt);
    if (rt->app.is_stopped)
        return;
    if (is_there)
        return listens(rt);
    if (++rt->app.tries % PORT_WORDS == 0)
        log_info(SCOPE, "waiting for application to listen on port %u", rt->info.app_port);
    timer_after(loop_at(0), &rt->app.again, PORT_PAUSE_NS, look_for_port, rt);
}

static void look_for_port(void *arg)
{
    dial(arg, on_looked);
}

void app_announce(struct runtime *rt)
{
    if (rt->info.app_port)
        log_info(SCOPE, "application protocol: %s. waiting on port %u.  This will block until the app is listening on "
                 "that port.", rt->info.app_protocol.at, rt->info.app_port);
}

void app_begin(struct runtime *rt)
{
    channel_set_app_health(!rt->info.app_health_check || !rt->info.app_port);
    if (!rt->info.app_port)
        return runtime_ready(rt);
    look_for_port(rt);
}

void app_end_work(struct runtime *rt)
{
    rt->app.has_ended_work = true;
    blocks_app_down(rt);
}

void app_stop(struct runtime *rt, void (*quiet)(void *), void *arg)
{
    struct app *a = &rt->app;
    a->is_stopped = true;
    timer_end(&a->again);
    if (!a->is_dialling)
        return quiet(arg);
    a->quiet = quiet;
    a->quiet_arg = arg;
}

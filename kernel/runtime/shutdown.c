/* shutdown: stop accepting, finish, take components and blocks back, in this order. */
#include <base/clock.h>
#include <base/log.h>
#include <base/mem.h>
#include <channel/channel.h>
#include <runtime/inside.h>
#include <runtime/process.h>

#define FORCE_NS (100 * CLOCK_MS)
#define BLOCKS_NS (30 * CLOCK_S)           /* for what the app holds: then it is cut, like anything else */

/* ------------------------------------------------------------------------------- the end of it */
static void ended(void *arg)
{
    struct runtime *rt = arg;
    rt->shutdown.phase = SHUTDOWN_ENDED;
    timer_end(&rt->shutdown.limit);
    timer_end(&rt->shutdown.blocks_limit);
    rt->setup.ended(rt->setup.arg, rt->failure.len ? rt->failure.at : NULL);
}

static void on_channel_closed(void *arg)
{
    struct runtime *rt = arg;
    kernel_table_release(rt);
    servers_release(rt);
    resources_release(rt);
    job_defer(loop_at(0), &rt->shutdown.end, ended, rt);
}

static void on_blocks_stopped(void *arg)
{
    if (((struct runtime *)arg)->is_started)
        channel_stop(on_channel_closed, arg);
    else
        on_channel_closed(arg);
}

static void on_parts_gone(void *arg)
{
    struct runtime *rt = arg;
    if (!--rt->shutdown.owed)
        blocks_stop(rt, on_blocks_stopped, rt);
}

/* Components and names leave side by side; blocks stay until nothing of theirs is left. */
static void on_closed(void *arg)
{
    struct runtime *rt = arg;
    rt->shutdown.owed = 2;
    components_stop(rt, on_parts_gone, rt);
    names_stop(rt, on_parts_gone, rt);
}

/* -------------------------------------------------------------------------------------- cutting */
static void on_cancelled(void *arg)
{
    struct runtime *rt = arg;
    if (!--rt->shutdown.owed)
        servers_close(rt, on_closed, rt);
}

static void cancel_here(void *arg)
{
    request_cancel_all(loop_self(), TRB_WHY_DRAINING);
    loop_call(loop_at(0), on_cancelled, arg);
}

static void on_drained(void *arg)
{
    struct runtime *rt = arg;
    if (--rt->shutdown.owed)
        return;
    rt->shutdown.owed = loop_count();
    for (uint32_t i = 0; i < loop_count(); i++)
        loop_call(loop_at(i), cancel_here, rt);
}

/* ------------------------------------------------------------------------------------- draining */
static void on_blocks_drained(void *arg)
{
    struct runtime *rt = arg;
    timer_end(&rt->shutdown.blocks_limit);
    if (rt->shutdown.blocks_are_drained)
        return;
    rt->shutdown.blocks_are_drained = true;
    on_drained(rt);
}

static void on_limit(void *arg)
{
    log_fatal(SCOPE, "Graceful shutdown timeout exceeded, forcing shutdown");
    process_exit(1);
}

static void drain(struct runtime *rt)
{
    struct shutdown *s = &rt->shutdown;
    uint64_t graceful_ns = rt->setup.flags->graceful_ns;
    s->phase = SHUTDOWN_DRAINING;
    timer_end(&s->block);
    reload_stop(rt);
    log_info(SCOPE, "Dapr is shutting down");
    if (graceful_ns != UINT64_MAX)
        timer_after(loop_at(0), &s->limit, graceful_ns, on_limit, rt);
    s->owed = 3;
    app_stop(rt, on_drained, rt);
    timer_after(loop_at(0), &s->blocks_limit, BLOCKS_NS, on_blocks_drained, rt);
    blocks_drain(rt, on_blocks_drained, rt);
    servers_drain(rt, on_drained, rt);
}

/* ------------------------------------------------------------------------------------- blocking */
static void on_block_over(void *arg)
{
    log_info(SCOPE, "Block shutdown period expired, entering shutdown...");
    drain(arg);
}

void shutdown_app_unhealthy(struct runtime *rt)
{
    if (rt->shutdown.phase != SHUTDOWN_BLOCKING)
        return;
    log_info(SCOPE, "App reported unhealthy, entering shutdown...");
    drain(rt);
}

static void block(struct runtime *rt, uint64_t ns)
{
    char period[CLOCK_TEXT];
    clock_duration_text((int64_t)ns, period);
    rt->shutdown.phase = SHUTDOWN_BLOCKING;
    log_info(SCOPE, "Blocking graceful shutdown for %s or until app reports unhealthy...", period);
    app_end_work(rt);
    if (!channel_is_app_healthy())
        shutdown_app_unhealthy(rt);
    else
        timer_after(loop_at(0), &rt->shutdown.block, ns, on_block_over, rt);
}

void shutdown_begin(struct runtime *rt, bool has_block)
{
    int64_t ns = rt->setup.flags->block_shutdown;
    if (rt->shutdown.phase != SHUTDOWN_NONE)
        return;
    if (has_block && ns > 0 && rt->is_started)
        block(rt, (uint64_t)ns);
    else
        drain(rt);
}

static void on_force(void *arg)
{
    process_exit(1);
}

void shutdown_force(struct runtime *rt)
{
    log_info(SCOPE, "Force shutdown requested, exiting immediately without graceful shutdown");
    timer_after(loop_at(0), &rt->shutdown.block, FORCE_NS, on_force, rt);
}

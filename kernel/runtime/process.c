/* process: threads and signals around a runtime. The main thread runs loop 0. */
#include <base/clock.h>
#include <base/error.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/signals.h>
#include <base/slice.h>
#include <loop/dns.h>
#include <loop/workers.h>
#include <loop/watchdog.h>
#include <plugin/instance.h>
#include <plugin/loader.h>
#include <pthread.h>
#include <runtime/crash.h>
#include <runtime/process.h>
#include <runtime/runtime.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define SCOPE "dapr.runtime"
#define MOST_LOOPS 256u
#define LOOP_STACK (512u << 10)            /* plugins' parsers run there */

static struct process {
    const struct flags *flags;
    const struct process_guest *guest;
    struct loop *loops[MOST_LOOPS];
    pthread_t threads[MOST_LOOPS];
    uint32_t loop_count;
    struct workers *workers;
    struct runtime *runtime;
    bool is_stopping, wants_restart;
    int code;
} process;

_Noreturn void process_exit(int code)
{
    log_stop();
    _exit(code);
}

/* ------------------------------------------------------------------------------------- threads */
static uint32_t granted_cpus(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) ? 1 : (uint32_t)CPU_COUNT(&set);
}

static void *run_loop(void *loop)
{
    pthread_setname_np(pthread_self(), "trb-loop");
    loop_run(loop);
    return NULL;
}

static trb_code create_loops(struct process *p, struct trb_error *err)
{
    uint32_t wanted = p->flags->loops > 0 ? (uint32_t)p->flags->loops : granted_cpus();
    p->loop_count = wanted < MOST_LOOPS ? wanted : MOST_LOOPS;
    for (uint32_t i = 0; i < p->loop_count; i++)
        if (!(p->loops[i] = loop_create(i, err)))
            return err->code;
    loop_set_all(p->loops, p->loop_count);
    return TRB_OK;
}

/* Signals are the main thread's. */
static void start_threads(struct process *p)
{
    sigset_t old;
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, LOOP_STACK);
    signals_block(&old);
    for (uint32_t i = 1; i < p->loop_count; i++)
        check(!pthread_create(&p->threads[i], &small, run_loop, p->loops[i]));
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&small);
}

static void end_threads(struct process *p)
{
    for (uint32_t i = 1; i < p->loop_count; i++) {
        loop_stop(p->loops[i]);
        pthread_join(p->threads[i], NULL);
    }
}

/* ------------------------------------------------------------------------------------ plugins */
static trb_code add_plugin_folders(const struct flags *f, struct trb_error *err)
{
    char own[4096], folder[4200];
    ssize_t len = readlink("/proc/self/exe", own, sizeof own - 1);
    for (uint32_t i = 0; i < f->plugin_folders.count; i++)
        loader_add_folder(f->plugin_folders.at[i].at);
    if (len <= 0)
        return error_set(err, TRB_PRECONDITION, "NO_PROC", "/proc is not there, and no plugin can be loaded without it: mount it");
    own[len] = 0;
    char *slash = strrchr(own, '/');
    if (!slash)
        return TRB_OK;
    *slash = 0;
    char *up = strrchr(own, '/');
    if (up)
        *up = 0;
    snprintf(folder, sizeof folder, "%s/plugins", own);
    loader_add_folder(folder);
    snprintf(folder, sizeof folder, "%s/%s/trilby/plugins", own, TRILBY_LIBDIR);
    loader_add_folder(folder);
    return TRB_OK;
}

/* ------------------------------------------------------------------------------------ runtimes */
static void on_ended(void *arg, const char *why);

static void tell_guest(struct process *p, struct runtime *rt)
{
    if (p->guest->runtime)
        p->guest->runtime(rt);
}

static void start_here(void *arg)
{
    struct process *p = arg;
    tell_guest(p, p->runtime);
    runtime_start(p->runtime);
}

static void stop_loop(void *arg)
{
    loop_stop(((struct process *)arg)->loops[0]);
}

static void end(struct process *p)
{
    if (p->guest->close)
        p->guest->close(stop_loop, p);
    else
        stop_loop(p);
}

static void restart(void *arg);

static trb_code create_runtime(struct process *p, struct trb_error *err)
{
    struct runtime_setup setup = {.flags = p->flags, .workers = p->workers, .began_ns = clock_now_ns(),
                                  .ended = on_ended, .restart = restart, .arg = p};
    return runtime_create(&setup, &p->runtime, err);
}

static void die(struct process *p, const char *why)
{
    log_fatal(SCOPE, "Fatal error from runtime: %s", why);
    p->code = 1;
}

static void start_again(struct process *p)
{
    struct trb_error err = ERROR_INIT;
    p->wants_restart = false;
    if (!create_runtime(p, &err)) {
        start_here(p);
        return;
    }
    die(p, error_text(&err).at);
    end(p);
}

static void on_ended(void *arg, const char *why)
{
    struct process *p = arg;
    if (why)
        die(p, why);
    else
        log_info(SCOPE, "Daprd shutdown gracefully");
    tell_guest(p, NULL);
    p->runtime = runtime_destroy(p->runtime);
    if (!why && p->wants_restart && !p->is_stopping)
        start_again(p);
    else
        end(p);
}

/* ------------------------------------------------------------------------------------- signals */
static const char *signal_name(int number)
{
    return number == SIGINT ? "interrupt" : number == SIGTERM ? "terminated" : "hangup";
}

static void on_end(void *arg, int number)
{
    struct process *p = arg;
    if (p->is_stopping)
        process_exit(1);
    p->is_stopping = true;
    log_info("dapr.signals", "Received signal '%s'; beginning shutdown", signal_name(number));
    if (p->runtime)
        runtime_stop(p->runtime, true);
}

static void restart(void *arg)
{
    struct process *p = arg;
    if (p->is_stopping || p->wants_restart || !p->runtime)       /* it is ending by itself */
        return;
    p->wants_restart = true;
    log_info("dapr.signals", "Received signal '%s'; restarting", signal_name(SIGHUP));
    runtime_stop(p->runtime, false);
}

static void on_hangup(void *arg, int number)
{
    struct process *p = arg;
    if (!p->flags->reload_safe || !p->runtime || !runtime_reload(p->runtime))
        restart(p);
}

static void watch_signals(struct process *p)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGHUP, &ignore, NULL);                            /* what libevent goes back to: nothing to build anew at the end */
    loop_on_signal(p->loops[0], SIGINT, on_end, p);
    loop_on_signal(p->loops[0], SIGTERM, on_end, p);
    loop_on_signal(p->loops[0], SIGHUP, on_hangup, p);
}

/* --------------------------------------------------------------------------------------- the story */
static void run(struct process *p)
{
    watch_signals(p);
    dns_start(p->workers);
    start_threads(p);
    watchdog_start();
    loop_call(p->loops[0], start_here, p);
    loop_run(p->loops[0]);
    watchdog_stop();
    dns_stop();
    end_threads(p);
}

#define WORKERS 64u

static trb_code open_guest(struct process *p, struct trb_error *err)
{
    return p->guest->open ? p->guest->open(p->flags, err) : TRB_OK;
}

int process_run(const struct flags *f, const struct process_guest *guest)
{
    static const struct process_guest nobody;
    struct process *p = &process;
    struct trb_error err = ERROR_INIT;
    p->flags = f;
    p->guest = guest ? guest : &nobody;
    p->workers = workers_create(f->workers > 0 ? (uint32_t)f->workers : WORKERS);
    if (add_plugin_folders(f, &err) || create_loops(p, &err) || open_guest(p, &err) || create_runtime(p, &err)) {
        die(p, error_text(&err).at);
        return p->code;
    }
    runtime_export(p->runtime);
    crash_watch();
    run(p);
    if (instance_count())                   /* its threads may still speak: nothing is pulled from under them */
        process_exit(p->code);
    workers_destroy(p->workers);
    for (uint32_t i = 0; i < p->loop_count; i++)
        p->loops[i] = loop_destroy(p->loops[i]);
    return p->code;
}

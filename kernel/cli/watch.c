/* watch.c: one poll() over signals, pipes and a question to the sidecar; a stage at a time.
 * Not the start: run.c decides and starts the sidecar. */
#include "cli/ports.h"
#include "cli/say.h"
#include "cli/watch_private.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READY_WITHIN_MS = 60000 };

static void end_by(struct watch *w, int number)
{
    if (w->stage >= STAGE_STOPPING_APP && w->is_asked) {
        say(SAY_WARNING, "second signal received: killing what is left");
        child_signal_group(&w->app, SIGKILL);
        child_signal_group(&w->sidecar, SIGKILL);
        return;
    }
    w->is_asked = true;
    say(SAY_INFO, "terminated signal received: shutting down");
    if (number == SIGQUIT) {
        child_signal_group(&w->app, SIGKILL);
        child_signal_group(&w->sidecar, SIGKILL);
    }
    if (w->stage < STAGE_STOPPING_APP)
        watch_stop_app(w);
}

/* Also takes in what the app left behind: orphans come to us, not to init. */
static void reap(struct watch *w)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct child *c = pid == w->app.pid ? &w->app : pid == w->sidecar.pid ? &w->sidecar : NULL;
        if (c && c->is_running) {
            c->is_running = false;
            c->status = status;
        }
    }
}

static void take_signals(struct watch *w)
{
    struct signalfd_siginfo info;
    while (read(w->signals, &info, sizeof info) == sizeof info)
        if (info.ssi_signo != SIGCHLD)
            end_by(w, (int)info.ssi_signo);
    reap(w);
}

static void start_app(struct watch *w)
{
    struct reason why;
    w->stage = STAGE_SERVING;
    if (!w->plan->command.count) {
        say(SAY_WARNING, "WARNING: no application command found.");
        return;
    }
    if (child_start(&w->app, &w->plan->command, &w->plan->environment,
                    "== APP == ", &w->exit_status, &why))
        return;
    say(SAY_FAILURE, "%s", why.text);
    watch_stop_sidecar(w);
}

static void sidecar_is_up(struct watch *w)
{
    if (!w->plan->socket_folder) {
        say(SAY_PENDING, "Checking if Dapr sidecar is listening on GRPC port %d",
            w->plan->grpc_port);
        if (!port_is_answering(w->plan->api.address, w->plan->grpc_port))
            say(SAY_WARNING, "nothing listens on GRPC port %d yet", w->plan->grpc_port);
    }
    say(SAY_INFO, "Dapr sidecar is up and running.");
    start_app(w);
}

static void wait_for_sidecar(struct watch *w)
{
    int status;
    if (!w->sidecar.is_running) {
        char *text = child_status_text(&w->sidecar);
        child_finish_output(&w->sidecar);
        say(SAY_FAILURE, "the sidecar ended before it was ready (%s); its last lines tell why",
            text);
        free(text);
        w->exit_status = 1;
        w->is_sidecar_lost = true;
        watch_stop_sidecar(w);
    } else if (watch_ask(w, "GET", "/v1.0/healthz/outbound", NULL, &status)) {
        if (status == 204 || status == 200)
            sidecar_is_up(w);
    }
    if (w->stage == STAGE_WAITING && clock_now_ms() >= w->give_up_ms) {
        say(SAY_WARNING, "Dapr sidecar might not be responding.");
        http_fini(&w->call);
        start_app(w);
    }
}

static void lost_sidecar(struct watch *w)
{
    char *text = child_status_text(&w->sidecar);
    child_finish_output(&w->sidecar);
    bool is_good = WIFEXITED(w->sidecar.status) && !WEXITSTATUS(w->sidecar.status);
    const char *rest = w->app.pid ? "; stopping the app" : "";
    if (is_good)
        say(SAY_INFO, "the sidecar was shut down%s", rest);
    else
        say(SAY_FAILURE, "the sidecar ended unexpectedly (%s)%s", text, rest);
    free(text);
    w->exit_status = is_good ? 0 : 1;
    w->is_asked = w->is_sidecar_lost = true;
    watch_stop_app(w);
}

static void serve(struct watch *w)
{
    if (!w->sidecar.is_running)
        lost_sidecar(w);
    else if (w->app.pid && !w->app.is_running)
        watch_stop_app(w);
    else
        watch_tell_notes(w);
}

static void advance(struct watch *w)
{
    static void (*const stages[])(struct watch *) = {
        [STAGE_WAITING] = wait_for_sidecar,
        [STAGE_SERVING] = serve,
        [STAGE_STOPPING_APP] = watch_await_app,
        [STAGE_STOPPING_SIDECAR] = watch_await_sidecar,
    };
    enum stage before;
    do {
        before = w->stage;
        stages[before](w);
    } while (w->stage != before && w->stage != STAGE_OVER);
}

static int patience(const struct watch *w)
{
    uint64_t now = clock_now_ms(), next = now + 60000;
    const uint64_t times[] = {
        w->call.step == HTTP_IDLE
            ? w->stage < STAGE_STOPPING_APP && w->notes <= 2 ? w->next_ask_ms : 0
            : w->call.deadline_ms,
        w->stage == STAGE_WAITING ? w->give_up_ms : 0,
        w->stage >= STAGE_STOPPING_APP ? w->kill_ms : 0,
        w->stage >= STAGE_STOPPING_APP ? w->kill_again_ms : 0,
    };
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (times[i] && times[i] < next)
            next = times[i];
    return next > now ? (int)(next - now) : 0;
}

static void read_children(struct watch *w, const struct pollfd *pipes)
{
    struct lines *const lines[] = {&w->sidecar.out, &w->sidecar.err, &w->app.out, &w->app.err};
    bool is_read = true;
    for (int i = 0; i < 4; i++)
        if (pipes[i].revents && lines[i]->fd >= 0)
            is_read = lines_read(lines[i]) && is_read;
    if (!is_read && !w->is_asked) {
        /* As `trilby run | head` asks for. */
        w->is_asked = true;
        watch_stop_app(w);
    }
}

int watch_until_over(struct watch *w)
{
    w->app.out.fd = w->app.err.fd = -1;
    w->give_up_ms = clock_now_ms() + READY_WITHIN_MS;
    while (w->stage != STAGE_OVER) {
        struct pollfd wait[] = {
            {.fd = w->sidecar.out.fd, .events = POLLIN},
            {.fd = w->sidecar.err.fd, .events = POLLIN},
            {.fd = w->app.out.fd, .events = POLLIN},
            {.fd = w->app.err.fd, .events = POLLIN},
            {.fd = w->signals, .events = POLLIN},
            {.fd = w->call.step == HTTP_IDLE ? -1 : w->call.fd, .events = http_events(&w->call)},
        };
        poll(wait, sizeof wait / sizeof *wait, patience(w));
        read_children(w, wait);
        take_signals(w);
        if (w->call.step != HTTP_IDLE && (wait[5].revents || clock_now_ms() >= w->call.deadline_ms))
            http_go_on(&w->call);
        advance(w);
    }
    return w->exit_status;
}

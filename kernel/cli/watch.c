/* watch.c: one poll() over signals, pipes and a question to the sidecar; a stage at a time.
 * Not the start: run.c decides and starts the sidecar. */
#include "cli/watch.h"
#include "cli/say.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/ports.h"

enum {
    ASK_EVERY_MS = 50,
    READY_WITHIN_MS = 60000,
    APP_GRACE_MS = 5000,
    SIDECAR_SPARE_MS = 5000,                        /* on top of what the sidecar allows itself */
    NOTE_TRIES = 20,
};

static void enter(struct watch *w, enum stage stage, int64_t patience_ms)
{
    w->stage = stage;
    w->kill_ms = patience_ms ? clock_now_ms() + (uint64_t)patience_ms : 0;
}

static void stop_sidecar(struct watch *w)
{
    http_fini(&w->call);
    int64_t seconds = w->plan->graceful_seconds;
    enter(w, STAGE_STOPPING_SIDECAR, seconds ? (seconds < 0 ? 5 : seconds) * 1000 + SIDECAR_SPARE_MS : 0);
    if (w->sidecar.is_running)
        kill(w->sidecar.pid, SIGTERM);
}

static void stop_app(struct watch *w)
{
    http_fini(&w->call);
    enter(w, STAGE_STOPPING_APP, APP_GRACE_MS);
    child_signal_group(&w->app, SIGTERM);
}

/* How the app's end becomes ours: an end that was asked for is a good one. */
static int app_exit_status(const struct watch *w)
{
    if (!w->app.pid)
        return 0;
    if (WIFEXITED(w->app.status))
        return WEXITSTATUS(w->app.status);
    int number = WTERMSIG(w->app.status);
    return w->is_asked && (number == SIGTERM || number == SIGINT) ? 0 : 128 + number;
}

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
        stop_app(w);
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
    if (child_start(&w->app, &w->plan->command, &w->plan->environment, "== APP == ", &w->exit_status, &why))
        return;
    say(SAY_FAILURE, "%s", why.text);
    stop_sidecar(w);
}

static void sidecar_is_up(struct watch *w)
{
    if (!w->plan->socket_folder) {
        say(SAY_PENDING, "Checking if Dapr sidecar is listening on GRPC port %d", w->plan->grpc_port);
        if (!port_is_answering(w->plan->api.address, w->plan->grpc_port))
            say(SAY_WARNING, "nothing listens on GRPC port %d yet", w->plan->grpc_port);
    }
    say(SAY_INFO, "Dapr sidecar is up and running.");
    start_app(w);
}

/* Starts the question when its time has come; true once it has been answered, or nobody answered. */
static bool ask(struct watch *w, const char *method, const char *path, const char *body, int *ret_status)
{
    if (w->call.step == HTTP_IDLE && clock_now_ms() >= w->next_ask_ms)
        http_start(&w->call, &w->plan->api, method, path, body, 2000);
    if (w->call.step != HTTP_DONE)
        return false;
    *ret_status = w->call.status;
    w->next_ask_ms = clock_now_ms() + (*ret_status / 100 == 2 ? 0 : ASK_EVERY_MS);
    http_fini(&w->call);
    return true;
}

static void wait_for_sidecar(struct watch *w)
{
    int status;
    if (!w->sidecar.is_running) {
        char *text = child_status_text(&w->sidecar);
        child_finish_output(&w->sidecar);
        say(SAY_FAILURE, "the sidecar ended before it was ready (%s); its last lines tell why", text);
        free(text);
        w->exit_status = 1;
        stop_sidecar(w);
    } else if (ask(w, "GET", "/v1.0/healthz/outbound", NULL, &status)) {
        if (status == 204 || status == 200)
            sidecar_is_up(w);
    }
    if (w->stage == STAGE_WAITING && clock_now_ms() >= w->give_up_ms) {
        say(SAY_WARNING, "Dapr sidecar might not be responding.");
        http_fini(&w->call);
        start_app(w);
    }
}

/* The facts `trilby list` and `trilby stop` ask for. */
static char *note(const struct watch *w, int number, const char **ret_path)
{
    if (number == 0) {
        *ret_path = "/v1.0/metadata/cliPID";
        return text_format("%d", (int)getpid());
    }
    if (number == 1 && w->app.pid) {
        *ret_path = "/v1.0/metadata/appPID";
        return text_format("%d", (int)w->app.pid);
    }
    if (number == 2 && w->app.pid) {
        *ret_path = "/v1.0/metadata/appCommand";
        return words_join(&w->plan->command, " ");
    }
    return NULL;
}

static void announce(const struct watch *w)
{
    if (w->app.pid)
        say(SAY_SUCCESS, "You're up and running! Both Dapr and your app logs will appear here.");
    else
        say(SAY_SUCCESS, "You're up and running! Dapr logs will appear here.");
}

static void tell_notes(struct watch *w)
{
    const char *path;
    int status;
    if (w->notes > 2)
        return;
    char *body = note(w, w->notes, &path);
    if (body && !w->tries && w->call.step == HTTP_IDLE && w->notes == 1)
        say(SAY_INFO, "Updating metadata for appPID: %s", body);
    if (body && !w->tries && w->call.step == HTTP_IDLE && w->notes == 2)
        say(SAY_INFO, "Updating metadata for app command: %s", body);
    bool is_over = !body;
    if (body && ask(w, "PUT", path, body, &status)) {
        is_over = status / 100 == 2 || ++w->tries >= NOTE_TRIES;
        if (is_over && status / 100 != 2)
            say(SAY_WARNING, "the sidecar did not take %s (HTTP status %d)", path, status);
    }
    free(body);
    if (!is_over)
        return;
    w->tries = 0;
    if (++w->notes > 2)
        announce(w);
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
    w->is_asked = true;
    stop_app(w);
}

static void serve(struct watch *w)
{
    if (!w->sidecar.is_running)
        lost_sidecar(w);
    else if (w->app.pid && !w->app.is_running)
        stop_app(w);
    else
        tell_notes(w);
}

/* True when nothing is left of the child; kills it when patience has ended. */
static bool is_stopped(struct watch *w, struct child *c)
{
    uint64_t now = clock_now_ms();
    if (child_is_gone(c))
        return true;
    if (w->kill_ms && now >= w->kill_ms) {
        child_signal_group(c, SIGKILL);
        w->kill_ms = 0;
        w->kill_again_ms = now + 1000;
    }
    return !c->is_running && w->kill_again_ms && now >= w->kill_again_ms;
}

static void tell_app_end(struct watch *w)
{
    int status = app_exit_status(w);
    char *text = child_status_text(&w->app);
    if (status)
        say(SAY_FAILURE, "The App process exited with %s", text);
    else
        say(SAY_SUCCESS, "Exited App successfully");
    free(text);
    if (!w->exit_status)
        w->exit_status = status;
}

static void await_app(struct watch *w)
{
    if (!is_stopped(w, &w->app))
        return;
    if (w->app.pid) {
        child_finish_output(&w->app);
        tell_app_end(w);
    }
    w->kill_again_ms = 0;
    stop_sidecar(w);
}

static void await_sidecar(struct watch *w)
{
    if (!is_stopped(w, &w->sidecar))
        return;
    child_finish_output(&w->sidecar);
    w->stage = STAGE_OVER;
    if (WIFEXITED(w->sidecar.status) && !WEXITSTATUS(w->sidecar.status)) {
        say(SAY_SUCCESS, "Exited Dapr successfully");
    } else if (!w->exit_status || w->is_asked) {
        char *text = child_status_text(&w->sidecar);
        say(SAY_WARNING, "the sidecar did not stop cleanly (%s)", text);
        free(text);
    }
}

static void advance(struct watch *w)
{
    static void (*const stages[])(struct watch *) = {
        [STAGE_WAITING] = wait_for_sidecar, [STAGE_SERVING] = serve, [STAGE_STOPPING_APP] = await_app,
        [STAGE_STOPPING_SIDECAR] = await_sidecar,
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
        w->call.step == HTTP_IDLE ? w->stage < STAGE_STOPPING_APP && w->notes <= 2 ? w->next_ask_ms : 0
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
        stop_app(w);
    }
}

int watch_until_over(struct watch *w)
{
    w->app.out.fd = w->app.err.fd = -1;
    w->give_up_ms = clock_now_ms() + READY_WITHIN_MS;
    while (w->stage != STAGE_OVER) {
        struct pollfd wait[] = {
            {.fd = w->sidecar.out.fd, .events = POLLIN}, {.fd = w->sidecar.err.fd, .events = POLLIN},
            {.fd = w->app.out.fd, .events = POLLIN},     {.fd = w->app.err.fd, .events = POLLIN},
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

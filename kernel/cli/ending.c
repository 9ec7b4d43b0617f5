/* ending.c: how a run is taken down, the app first, and what its end means for our exit status.
 * Not why it ends: that is decided in watch.c. */
#include "cli/say.h"
#include "cli/watch_private.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

enum {
    APP_GRACE_MS = 5000,
    SIDECAR_SPARE_MS = 5000,                        /* on top of what the sidecar allows itself */
};

static void enter(struct watch *w, enum stage stage, int64_t patience_ms)
{
    w->stage = stage;
    w->kill_ms = patience_ms ? clock_now_ms() + (uint64_t)patience_ms : 0;
}

void watch_stop_sidecar(struct watch *w)
{
    http_fini(&w->call);
    int64_t seconds = w->plan->graceful_seconds;
    enter(w, STAGE_STOPPING_SIDECAR,
          seconds ? (seconds < 0 ? 5 : seconds) * 1000 + SIDECAR_SPARE_MS : 0);
    if (w->sidecar.is_running)
        kill(w->sidecar.pid, SIGTERM);
}

void watch_stop_app(struct watch *w)
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

void watch_await_app(struct watch *w)
{
    if (!is_stopped(w, &w->app))
        return;
    if (w->app.pid) {
        child_finish_output(&w->app);
        tell_app_end(w);
    }
    w->kill_again_ms = 0;
    watch_stop_sidecar(w);
}

void watch_await_sidecar(struct watch *w)
{
    if (!is_stopped(w, &w->sidecar))
        return;
    child_finish_output(&w->sidecar);
    w->stage = STAGE_OVER;
    if (WIFEXITED(w->sidecar.status) && !WEXITSTATUS(w->sidecar.status)) {
        say(SAY_SUCCESS, "Exited Dapr successfully");
    } else if (!w->is_sidecar_lost) {
        char *text = child_status_text(&w->sidecar);
        say(SAY_WARNING, "the sidecar did not stop cleanly (%s)", text);
        free(text);
    }
}

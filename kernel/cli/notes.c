/* notes.c: what the sidecar is asked and told over its own API while the run goes on.
 * Not HTTP (http.c), and not what follows from the answers (watch.c). */
#include "cli/say.h"
#include "cli/watch_private.h"

#include <stdlib.h>
#include <unistd.h>

enum { ASK_EVERY_MS = 50, NOTE_TRIES = 20, NOTES = 3 };

/* Starts the question when its time has come; true once it has been answered, or nobody answered.
 */
bool watch_ask(struct watch *w, const char *method, const char *path, const char *body,
               int *ret_status)
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

void watch_tell_notes(struct watch *w)
{
    const char *path;
    int status;
    if (w->notes >= NOTES)
        return;
    char *body = note(w, w->notes, &path);
    if (body && !w->tries && w->call.step == HTTP_IDLE && w->notes == 1)
        say(SAY_INFO, "Updating metadata for appPID: %s", body);
    if (body && !w->tries && w->call.step == HTTP_IDLE && w->notes == 2)
        say(SAY_INFO, "Updating metadata for app command: %s", body);
    bool is_over = !body;
    if (body && watch_ask(w, "PUT", path, body, &status)) {
        is_over = status / 100 == 2 || ++w->tries >= NOTE_TRIES;
        if (is_over && status / 100 != 2)
            say(SAY_WARNING, "the sidecar did not take %s (HTTP status %d)", path, status);
    }
    free(body);
    if (!is_over)
        return;
    w->tries = 0;
    if (++w->notes == NOTES)
        announce(w);
}

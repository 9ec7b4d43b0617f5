/* admin_wait.c: the lists are asked again and again, and whenever what holds the old one has changed, that is said.
 * Not a subscription: the admin listener has none. */
#include "cli/admin_wait.h"
#include "cli/admin_show.h"
#include "cli/say.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ASK_WITHIN_S = 10, PAUSE_MS = 100, SILENT_MS = 500 };

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static const char *text_of(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(member(object, name));
    return text ? text : "";
}

/* The old copies of a plugin that something still uses. */
static void add_copy(struct words *left, const struct admin_wait *w, const cJSON *plugin, bool has_age)
{
    const char *file = text_of(plugin, "file");
    size_t len = strlen(w->name);
    double users = cJSON_GetNumberValue(member(plugin, "users"));
    const cJSON *one, *leaving = member(plugin, "leaving");
    if (strncmp(file, w->name, len) || strcmp(file + len, ".so") || cJSON_IsTrue(member(plugin, "newest")) || users < 1)
        return;
    double copy = cJSON_GetNumberValue(member(plugin, "copy"));
    cJSON_ArrayForEach(one, leaving) {
        char *pins = show_pins(member(one, "pins"), has_age);
        words_addf(left, "copy %.0f: %s %s%s%s", copy, text_of(one, "kind"), text_of(one, "name"), *pins ? " has " : "", pins);
        free(pins);
    }
    if (users > cJSON_GetArraySize(leaving))
        words_addf(left, "copy %.0f: its blocks or components are moving", copy);
}

static void add_component(struct words *left, const struct admin_wait *w, const cJSON *component, bool has_age)
{
    if (strcmp(text_of(component, "name"), w->name) || strcmp(text_of(component, "state"), "leaving"))
        return;
    char *pins = show_pins(member(component, "pins"), has_age);
    words_addf(left, "the old %s%s%s", w->name, *pins ? " has " : "", pins);
    free(pins);
}

/* What is left of the old one; empty: nothing. Free it. */
static char *left_of(const struct admin_wait *w, const cJSON *answer, bool has_age)
{
    struct words left = {0};
    const cJSON *one;
    cJSON_ArrayForEach(one, member(answer, w->is_plugin ? "plugins" : "components")) {
        if (w->is_plugin)
            add_copy(&left, w, one, has_age);
        else
            add_component(&left, w, one, has_age);
    }
    char *text = words_join(&left, "; ");
    words_fini(&left);
    return text;
}

/* Says it when it is not what was said before. Most are gone before anybody has read a line. */
static void tell(const struct admin_wait *w, const cJSON *answer, uint64_t began_ms, char **told)
{
    if (clock_now_ms() - began_ms < SILENT_MS)
        return;
    char *now = left_of(w, answer, false);
    if (!w->is_quiet && (!*told || strcmp(now, *told))) {
        char *whole = left_of(w, answer, true);
        say(SAY_PENDING, "waiting for %s", whole);
        free(whole);
    }
    free(*told);
    *told = now;
}

static bool is_over(const struct admin_wait *w, uint64_t began_ms)
{
    return w->timeout_s > 0 && clock_now_ms() - began_ms >= (uint64_t)w->timeout_s * 1000;
}

int admin_wait(const struct admin_wait *w, struct reason *why)
{
    const char *path = w->is_plugin ? "/v1/admin/plugins" : "/v1/admin/components";
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};
    uint64_t began = clock_now_ms();
    char *told = NULL;
    int result;
    for (;;) {
        cJSON *answer;
        result = admin_ask(w->place, "GET", path, NULL, ASK_WITHIN_S, &answer, why);
        if (result)
            break;
        char *left = left_of(w, answer, true);
        bool is_gone = !*left;
        if (!is_gone && is_over(w, began)) {
            reason_set(why, "it is in force, but after %lld seconds there is still %s", (long long)w->timeout_s, left);
            result = ADMIN_STAYS;
        } else if (!is_gone) {
            tell(w, answer, began, &told);
        }
        free(left);
        cJSON_Delete(answer);
        if (is_gone || result)
            break;
        nanosleep(&pause, NULL);
    }
    free(told);
    return result;
}

/* admin.c: `trilby admin`: one table of commands, each a request to the admin listener and a way to show its answer.
 * Not a client with a life of its own: it asks, maybe waits for the old one to go, and ends. */
#include "cli/admin_ask.h"
#include "cli/admin_show.h"
#include "cli/admin_wait.h"
#include "cli/command.h"
#include "cli/say.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_FILE = 1024 * 1024 };

enum word { NO_WORD, A_NAME, A_FILE, MAYBE_A_NAME, MAYBE_A_LEVEL };

static const struct verb {
    const char *name;
    enum word word;
    const char *method, *path;                      /* %s: the word */
    admin_show *show;                               /* NULL: a change, said in done */
    const char *done;
    bool waits, is_plugin;
} verbs[] = {
    {"plugins", NO_WORD, "GET", "/v1/admin/plugins", show_plugins, NULL, false, false},
    {"components", NO_WORD, "GET", "/v1/admin/components", show_components, NULL, false, false},
    {"component", A_NAME, "GET", "/v1/admin/components/%s", show_component, NULL, false, false},
    {"add", A_FILE, "POST", "/v1/admin/components", NULL, "the component of %s is in service", false, false},
    {"reload", MAYBE_A_NAME, "POST", "/v1/admin/components/%s/reload", NULL, "component %s was reloaded", true, false},
    {"remove", A_NAME, "DELETE", "/v1/admin/components/%s", NULL, "component %s was removed", true, false},
    {"swap", A_NAME, "POST", "/v1/admin/plugins/%s/reload", NULL, "plugin %s was swapped", true, true},
    {"features", NO_WORD, "GET", "/v1/admin/features", show_features, NULL, false, false},
    {"process", NO_WORD, "GET", "/v1/admin/process", show_process, NULL, false, false},
    {"log-level", MAYBE_A_LEVEL, "GET", "/v1/admin/log-level", show_log_level, NULL, false, false},
    {"openapi", NO_WORD, "GET", "/v1/admin/openapi.json", show_json, NULL, false, false},
};

struct request {
    const struct verb *verb;
    const char *word;                               /* NULL: none */
    struct text body;
    bool is_json;
    int64_t timeout_s;
};

/* -------------------------------------------------------------------------------- the command line */
/* `reload` without a name. */
static const struct verb reload_all = {
    "reload", NO_WORD, "POST", "/v1/admin/resources/reload", NULL, "the resource folders are being read again", false, false};

static const struct verb *find(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (!strcmp(verbs[i].name, name))
            return &verbs[i];
    return NULL;
}

static bool is_control(unsigned char c)
{
    return c < ' ' || c == 0x7f;
}

/* Blanks and other letters are escaped; these no component and no plugin has in its name. */
static bool is_name(const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < len; i++)
        if (is_control((unsigned char)name[i]) || strchr("/%", name[i]))
            return false;
    return len && len < 256;
}

static bool is_level(const char *word)
{
    static const char *const levels[] = {"debug", "info", "warn", "error", "fatal"};
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (!strcmp(word, levels[i]))
            return true;
    return false;
}

static bool check_word(const struct request *r, const struct flags *flags, struct reason *why)
{
    size_t most = r->verb->word == NO_WORD ? 1 : 2, least = r->verb->word == A_NAME || r->verb->word == A_FILE ? 2 : 1;
    const char *name = r->verb->name;
    if (flags->rest.count > most)
        return reason_set(why, "trilby admin %s takes %s, but got \"%s\"", name, most == 1 ? "no arguments" : "one argument",
                          flags->rest.at[most]);
    if (flags->rest.count < least)
        return reason_set(why, "trilby admin %s wants %s", name,
                          r->verb->word == A_FILE ? "a FILE, or - for standard input"
                          : r->verb->is_plugin    ? "the name of a plugin, such as state.redis"
                                                  : "the name of a component");
    if (r->word && (r->verb->word == A_NAME || r->verb->word == MAYBE_A_NAME) && !is_name(r->word))
        return reason_set(why, "\"%s\" is no name of a %s", r->word, r->verb->is_plugin ? "plugin" : "component");
    if (r->verb->word == MAYBE_A_LEVEL && r->word && !is_level(r->word))
        return reason_set(why, "trilby admin %s takes debug, info, warn, error or fatal, not \"%s\"", name, r->word);
    return true;
}

static bool read_flags(struct request *r, const struct flags *flags, struct reason *why)
{
    const char *format = flags_text(flags, "output");
    r->is_json = !strcmp(format, "json");
    r->timeout_s = flags_number(flags, "timeout");
    if (!r->is_json && strcmp(format, "table"))
        return reason_set(why, "--output takes table or json, not \"%s\"", format);
    if (r->timeout_s < 0)
        return reason_set(why, "--timeout takes a number of seconds, or 0");
    if (flags_is_given(flags, "socket") && flags_is_given(flags, "address"))
        return reason_set(why, "--socket and --address name two listeners: one of them is enough");
    return true;
}

static bool read_request(struct request *r, const struct flags *flags, struct reason *why)
{
    const struct words *words = &flags->rest;
    if (!words->count)
        return reason_set(why, "no admin command was named");
    r->verb = find(words->at[0]);
    r->word = words->count > 1 ? words->at[1] : NULL;
    if (!r->verb)
        return reason_set(why, "unknown admin command: %s", words->at[0]);
    if (!check_word(r, flags, why) || !read_flags(r, flags, why))
        return false;
    if (r->verb->word == MAYBE_A_NAME && !r->word)
        r->verb = &reload_all;
    return true;
}

/* ------------------------------------------------------------------------------------- asking */
static bool read_body(struct request *r, struct reason *why)
{
    if (r->verb->word == MAYBE_A_LEVEL && r->word) {
        cJSON *object = cJSON_CreateObject();
        cJSON_AddStringToObject(object, "level", r->word);
        char *printed = cJSON_PrintUnformatted(object);
        text_add(&r->body, "%s", printed);
        cJSON_free(printed);
        cJSON_Delete(object);
    }
    if (r->verb->word != A_FILE)
        return true;
    errno = 0;
    if (!file_read(strcmp(r->word, "-") ? r->word : "/dev/stdin", MAX_FILE, &r->body))
        return reason_set(why, "cannot read %s: %s", r->word, errno ? strerror(errno) : "it is larger than 1 MiB");
    return strlen(r->body.at) == r->body.len || reason_set(why, "%s is no YAML: it has a NUL in it", r->word);
}

/* Whatever is no letter, digit or one of -._~ as %XX. */
static char *escaped(const char *name)
{
    static const char digits[] = "0123456789ABCDEF";
    char *to = malloc(3 * strlen(name) + 1), *at = to;
    if (!to)
        abort();
    for (; *name; name++) {
        unsigned char c = (unsigned char)*name;
        if (isalnum(c) || strchr("-._~", c)) {
            *at++ = (char)c;
            continue;
        }
        *at++ = '%';
        *at++ = digits[c >> 4];
        *at++ = digits[c & 15];
    }
    *at = 0;
    return to;
}

static int ask(const struct request *r, const struct admin_place *place, cJSON **ret_answer, struct reason *why)
{
    bool is_put = r->verb->word == MAYBE_A_LEVEL && r->word;
    char *name = escaped(r->word ? r->word : ""), *path = text_format(r->verb->path, name);
    int result = admin_ask(place, is_put ? "PUT" : r->verb->method, path, r->body.at, r->timeout_s, ret_answer, why);
    free(path);
    free(name);
    return result;
}

static int wait_for_old(const struct request *r, const struct admin_place *place, struct reason *why)
{
    const struct admin_wait wait = {.place = place, .name = r->word, .is_plugin = r->verb->is_plugin, .is_quiet = r->is_json,
                                    .timeout_s = r->timeout_s};
    return admin_wait(&wait, why);
}

static void show(const struct request *r, const cJSON *answer)
{
    struct text page = {0};
    if (r->is_json)
        show_json(answer, &page);
    else if (r->verb->show)
        r->verb->show(answer, &page);
    if (page.len) {
        say_bytes(STDOUT_FILENO, page.at, page.len);
    } else {
        char *sentence = text_format(r->verb->done, r->word);
        say(SAY_SUCCESS, "%s", sentence);
        free(sentence);
    }
    text_fini(&page);
}

static int perform(const struct request *r, const struct admin_place *place, bool waits, struct reason *why)
{
    cJSON *answer;
    int result = ask(r, place, &answer, why);
    if (result)
        return result;
    if (r->verb->waits && waits)
        result = wait_for_old(r, place, why);
    if (!result)
        show(r, answer);
    cJSON_Delete(answer);
    return result;
}

int admin_perform(const struct flags *flags)
{
    struct request r = {0};
    struct admin_place place;
    struct reason why;
    if (!read_request(&r, flags, &why)) {
        say(SAY_FAILURE, "%s. See `trilby help admin`", why.text);
        return EXIT_USAGE;
    }
    int result = ADMIN_REFUSED;
    if (read_body(&r, &why)) {
        result = admin_place_find(&place, flags, &why) ? ADMIN_DONE : ADMIN_UNREACHED;
        if (!result)
            result = perform(&r, &place, !flags_is_on(flags, "no-wait"), &why);
        admin_place_fini(&place);
    }
    if (result)
        say(SAY_FAILURE, "%s", why.text);
    text_fini(&r.body);
    return result;
}

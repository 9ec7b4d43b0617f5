/* sidecars.c: /proc tells who runs and with which flags, metadata tells the rest.
 * Not a trust in metadata: an app can write there, so a process it names is checked before it is
 * believed. */
#include "cli/sidecars.h"
#include "cli/http.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_ARGUMENTS = 1024 * 1024, ANSWER_WITHIN_MS = 1000 };

static bool is_mine(pid_t pid)
{
    char path[64];
    struct stat found;
    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    return !stat(path, &found) && found.st_uid == geteuid();
}

static bool read_arguments(pid_t pid, struct words *ret_argv)
{
    char path[64];
    struct text bytes;
    snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    if (!file_read(path, MAX_ARGUMENTS, &bytes))
        return false;
    for (size_t at = 0; at < bytes.len; at += strlen(bytes.at + at) + 1)
        words_add(ret_argv, bytes.at + at);
    text_fini(&bytes);
    return ret_argv->count > 0;
}

static bool has_name(const char *path, const char *one, const char *other)
{
    const char *base = strrchr(path, '/');
    base = base ? base + 1 : path;
    return !strcasecmp(base, one) || !strcasecmp(base, other);
}

static bool is_program(pid_t pid, const char *one, const char *other)
{
    struct words argv = {0};
    bool is_it =
        pid > 1 && is_mine(pid) && read_arguments(pid, &argv) && has_name(argv.at[0], one, other);
    words_fini(&argv);
    return is_it;
}

/* The value of a flag among a sidecar's words, in any of the forms it takes. */
static const char *argument(const struct words *argv, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 1; i < argv->count; i++) {
        const char *word = argv->at[i];
        size_t dashes = strspn(word, "-");
        if (dashes < 1 || dashes > 2 || strncmp(word + dashes, name, len))
            continue;
        if (word[dashes + len] == '=')
            return word + dashes + len + 1;
        if (!word[dashes + len])
            return i + 1 < argv->count ? argv->at[i + 1] : "";
    }
    return NULL;
}

/* Free it; a path that the sidecar sees from its own folder is made whole. Empty: there is none. */
static char *argument_path(const struct words *argv, const char *name, const char *front, pid_t pid)
{
    char link[64], folder[4096];
    const char *text = argument(argv, name);
    size_t skip = text && !strncmp(text, front, strlen(front)) ? strlen(front) : 0;
    if (!text || !*text || text[skip] == '/' || (*front && !skip))
        return text_copy(text ? text : "");
    snprintf(link, sizeof link, "/proc/%d/cwd", (int)pid);
    ssize_t len = readlink(link, folder, sizeof folder);
    return len > 0 ? text_format("%.*s%.*s/%s", (int)skip, text, (int)len, folder, text + skip)
                   : text_copy(text);
}

static int argument_port(const struct words *argv, const char *name, int initial)
{
    const char *text = argument(argv, name);
    return text && *text ? atoi(text) : initial;
}

/* "4Mi", "16k", "100": the ones a body or a buffer is given in. */
static int64_t argument_bytes(const struct words *argv, const char *name, const char *initial)
{
    static const char units[] = "kMGTP";
    const char *text = argument(argv, name);
    char *unit;
    double number = strtod(text && *text ? text : initial, &unit);
    const char *found = *unit ? strchr(units, *unit == 'K' ? 'k' : *unit) : NULL;
    for (long i = 0; found && i <= found - units; i++)
        number *= unit[1] == 'i' ? 1024 : 1000;
    return (int64_t)number;
}

/* Seconds since the epoch, from ticks since the machine started. */
static time_t start_of(pid_t pid, pid_t *ret_parent)
{
    char path[64];
    struct text stat = {0}, machine = {0};
    unsigned long long ticks = 0, booted = 0;
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (file_read(path, 65536, &stat) && strrchr(stat.at, ')'))
        sscanf(strrchr(stat.at, ')') + 1,
               " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               &parent, &ticks);
    if (file_read("/proc/stat", 4 * 1024 * 1024, &machine) && strstr(machine.at, "\nbtime "))
        sscanf(strstr(machine.at, "\nbtime "), "\nbtime %llu", &booted);
    text_fini(&stat);
    text_fini(&machine);
    *ret_parent = parent;
    return (time_t)(booted + ticks / (unsigned long long)sysconf(_SC_CLK_TCK));
}

static char *extended(const cJSON *metadata, const char *key)
{
    const cJSON *map = cJSON_GetObjectItemCaseSensitive(metadata, "extended");
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(map, key));
    return text_copy(text ? text : "");
}

static pid_t extended_pid(const cJSON *metadata, const char *key)
{
    char *text = extended(metadata, key);
    int64_t number = 0;
    bool is_pid = text_is_number(text, &number) && number > 0 && number <= INT32_MAX;
    free(text);
    return is_pid ? (pid_t)number : 0;
}

static void ask(struct sidecar *s, const struct words *argv)
{
    struct http_place place;
    struct http_call call;
    http_place_init(&place, argument(argv, "unix-domain-socket"), s->app_id,
                    argument(argv, "dapr-listen-addresses"), s->http_port);
    cJSON *metadata = NULL;
    if (http_ask(&call, &place, "GET", "/v1.0/metadata", NULL, ANSWER_WITHIN_MS) == 200)
        metadata = cJSON_ParseWithLength(call.body.at, call.body.len);
    http_fini(&call);
    pid_t told = extended_pid(metadata, "cliPID");
    if (is_program(told, "trilby", "dapr"))
        s->cli_pid = told;
    s->app_pid = extended_pid(metadata, "appPID");
    s->command = extended(metadata, "appCommand");
    s->template_path = extended(metadata, "runTemplatePath");
    s->template_name = extended(metadata, "runTemplateName");
    s->app_log = extended(metadata, "appLogPath");
    s->sidecar_log = extended(metadata, "daprdLogPath");
    cJSON_Delete(metadata);
}

static void add(struct sidecars *all, pid_t pid, const struct words *argv, const char *app_id)
{
    struct sidecar s = {
        .app_id = text_copy(app_id),
        .pid = pid,
        .http_port = argument_port(argv, "dapr-http-port", 3500),
        .grpc_port = argument_port(argv, "dapr-grpc-port", 50001),
        .app_port = argument_port(argv, "app-port", 0),
        .max_body_bytes = argument_bytes(argv, "max-body-size", "4Mi"),
        .read_buffer_bytes = argument_bytes(argv, "read-buffer-size", "4Ki"),
        .admin_listen = argument_path(argv, "admin-listen", "unix:", pid),
        .admin_token_file = argument_path(argv, "admin-token-file", "", pid),
    };
    const char *metrics = argument(argv, "enable-metrics");
    s.has_metrics = !metrics || strcasecmp(metrics, "false");
    pid_t parent;
    s.created = start_of(pid, &parent);
    s.cli_pid = is_program(parent, "trilby", "dapr") ? parent : 0;
    ask(&s, argv);
    struct sidecar *at = realloc(all->at, (all->count + 1) * sizeof *at);
    if (!at)
        abort();
    all->at = at;
    all->at[all->count++] = s;
}

static void look_at(struct sidecars *all, pid_t pid)
{
    struct words argv = {0};
    if (is_mine(pid) && read_arguments(pid, &argv) && has_name(argv.at[0], "trilbyd", "daprd")) {
        const char *app_id = argument(&argv, "app-id");
        if (app_id && *app_id)
            add(all, pid, &argv, app_id);
    }
    words_fini(&argv);
}

static int by_age(const void *a, const void *b)
{
    const struct sidecar *one = a, *other = b;
    if (one->created != other->created)
        return one->created < other->created ? -1 : 1;
    return one->pid - other->pid;
}

void sidecars_find(struct sidecars *ret_sidecars)
{
    *ret_sidecars = (struct sidecars){0};
    DIR *processes = opendir("/proc");
    for (struct dirent *entry; processes && (entry = readdir(processes));) {
        int64_t pid;
        if (text_is_number(entry->d_name, &pid) && pid > 1)
            look_at(ret_sidecars, (pid_t)pid);
    }
    if (processes)
        closedir(processes);
    if (ret_sidecars->count)
        qsort(ret_sidecars->at, ret_sidecars->count, sizeof *ret_sidecars->at, by_age);
}

void sidecars_fini(struct sidecars *s)
{
    for (size_t i = 0; i < s->count; i++) {
        struct sidecar *one = &s->at[i];
        free(one->app_id);
        free(one->command);
        free(one->template_path);
        free(one->template_name);
        free(one->app_log);
        free(one->sidecar_log);
        free(one->admin_listen);
        free(one->admin_token_file);
    }
    free(s->at);
    *s = (struct sidecars){0};
}

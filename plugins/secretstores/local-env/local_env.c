/* secretstores.local.env: secrets from the sidecar's own environment.
 *
 * What the sidecar itself is told there (DAPR_…, APP_API_TOKEN) is nobody's secret to read. */
#include <base/mem.h>
#include <base/slice.h>
#include <stdlib.h>
#include <trilby/secretstores.h>

extern char **environ;

struct store {
    const char *prefix;                      /* options, filled in by the host */
};

static const struct trb_option options[] = {
    TRB_STRING(struct store, prefix, "prefix", .fallback = "", .example = "MYAPP_",
               .doc = "In front of every name in the environment; left out of the secrets' names."),
};

static void start(void *self, struct trb_call *call, const void *setup)
{
    trb_done(call);
}

static void stop(void *self, struct trb_call *call, const void *unused)
{
    trb_done(call);
}

static bool is_own(struct trb_slice variable)
{
    return slice_is_nocase(variable, SLICE("APP_API_TOKEN")) || slice_starts_nocase(variable, SLICE("DAPR_"));
}

static const char *look_up(const struct store *s, struct trb_call *call, struct trb_name name)
{
    size_t prefix_len = strlen(s->prefix);
    const char *value = "";
    char *variable = mem_alloc(prefix_len + name.len + 1);
    memcpy(variable, s->prefix, prefix_len);
    memcpy(variable + prefix_len, name.at, name.len + 1);
    if (is_own(slice_of(variable)))
        trb_log(call->host, call->origin, TRB_LOG_WARN, "the variable %s belongs to the sidecar and is not given out", variable);
    else if (strlen(variable) == prefix_len + name.len)
        value = getenv(variable);
    mem_free(variable);
    return value ? value : "";
}

static void get(void *self, struct trb_call *call, const void *question)
{
    const struct trb_secret_get *q = question;
    struct trb_pair value = {q->name, name_of(look_up(self, call, q->name))};
    struct trb_secret answer = {.size = sizeof answer, .values = {&value, 1, sizeof value}};
    call->host->done(call, &answer, sizeof answer);
}

static int by_name(const void *a, const void *b)
{
    struct trb_name x = ((const struct trb_pair *)a)->key, y = ((const struct trb_pair *)b)->key;
    int order = memcmp(x.at, y.at, x.len < y.len ? x.len : y.len);
    return order ? order : x.len < y.len ? -1 : x.len > y.len;
}

/* A variable with our prefix and something behind it. */
static bool take(struct trb_slice prefix, const char *variable, struct trb_pair *to)
{
    const char *equals = strchr(variable, '=');
    struct trb_slice name = slice_from(variable, equals ? (size_t)(equals - variable) : 0);
    if (name.len <= prefix.len || !slice_starts(name, prefix) || is_own(name))
        return false;
    *to = (struct trb_pair){{mem_text(name.at + prefix.len, name.len - prefix.len), name.len - prefix.len},
                            name_of(equals + 1)};
    return true;
}

static void bulk(void *self, struct trb_call *call, const void *question)
{
    const struct store *s = self;
    uint32_t room = 0, count = 0;
    while (environ && environ[room])
        room++;
    struct trb_pair *all = mem_alloc((room + 1) * sizeof *all);
    for (uint32_t n = 0; n < room; n++)
        count += take(slice_of(s->prefix), environ[n], &all[count]);
    if (count)
        qsort(all, count, sizeof *all, by_name);
    for (uint32_t n = 0; n < count; n++) {
        struct trb_secret one = {.size = sizeof one, .name = all[n].key, .values = {&all[n], 1, sizeof *all}};
        call->host->item(call, n, &one, sizeof one, NULL);
        mem_free((char *)(uintptr_t)all[n].key.at);
    }
    mem_free(all);
    trb_done(call);
}

static const struct trb_secretstores_ops ops = {.size = sizeof ops, .get = get, .bulk = bulk};
static const struct trb_component local_env = {
    .size = sizeof local_env, .block = "secretstores", .type = "secretstores.local.env", .version = "v1",
    .summary = "Secrets from the environment of the sidecar.",
    .run = TRB_ANYWHERE, TRB_SELF(struct store, options), .ops = &ops, .start = start, .stop = stop,
};
TRB_PLUGIN("local-env", "0.1.0", "Apache-2.0", &local_env);

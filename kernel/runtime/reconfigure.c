/* reconfigure: a new configuration beside the one that the runtime was built from. */
#include <base/error.h>
#include <base/json.h>
#include <base/log.h>
#include <base/slice.h>
#include <runtime/inside.h>

static struct json_value spec_of(const struct configuration *c)
{
    struct json_value spec = {0};
    struct json_fault fault;
    json_parse(c->spec, &spec, &fault);
    return spec;
}

/* Read wherever they are used: everything else has gone into doors, routes and metrics. */
static bool is_in_place(struct trb_slice key)
{
    static const char *const keys[] = {"api", "components", "logging", "secrets"};
    for (size_t i = 0; i < countof(keys); i++)
        if (slice_is(key, slice_of(keys[i])))
            return true;
    return false;
}

static bool is_same(struct json_value a, struct json_value b)
{
    return a.kind == b.kind && (a.kind == JSON_NONE || slice_is(a.raw, b.raw));
}

/* Keys of a configuration are plain words: what is between the quotes is all of it. */
static struct trb_slice word_of(struct trb_slice raw_key)
{
    return slice_from(raw_key.at + 1, raw_key.len - 2);
}

/* The members of a that b has otherwise, or, if only_absent, not at all. */
static void list_members(struct json_value a, struct json_value b, bool only_absent, struct text *list)
{
    struct trb_slice raw;
    struct json_value v;
    if (a.kind != JSON_OBJECT)
        return;
    for (struct json_cursor c = json_enter(a); json_member(&c, &raw, &v);) {
        struct trb_slice key = word_of(raw);
        struct json_value other = b.kind == JSON_OBJECT ? json_find(b, key) : (struct json_value){0};
        if (!is_in_place(key) && (only_absent ? other.kind == JSON_NONE : !is_same(v, other)))
            text_addf(list, "%sspec.%.*s", list->len ? ", " : "", SLICE_ARG(key));
    }
}

static void take(struct runtime *rt, struct configuration *fresh)
{
    struct configuration *old = rt->rules;
    rt->rules = fresh;
    rt->info.configuration = fresh->spec;
    servers_take_rules(rt);
    blocks_resources(rt, TRB_RESOURCE_CONFIGURATION);
    if (old != rt->configuration)                      /* doors and metrics hold texts of that one */
        configuration_destroy(old);
}

unsigned reconfigure(struct runtime *rt)
{
    const struct flags *f = rt->setup.flags;
    struct trb_error err = ERROR_INIT;
    struct configuration *fresh;
    struct text rest = {0};
    if (configuration_load(f->config.at, f->config.count, &rt->environment, &fresh, &err)) {
        log_error(RELOAD_SCOPE, "the configuration stays as it is: %s", error_text(&err).at);
        return NOT_RECONFIGURED;
    }
    list_members(spec_of(fresh), spec_of(rt->configuration), false, &rest);
    list_members(spec_of(rt->configuration), spec_of(fresh), true, &rest);
    unsigned result = rest.len ? RECONFIGURED_IN_PART : RECONFIGURED;
    log_info(RELOAD_SCOPE, "Configuration read again: spec.api, spec.components, spec.logging and spec.secrets are in force");
    if (rest.len)
        log_warn(RELOAD_SCOPE, "%s cannot change while the runtime runs: SIGHUP builds it anew", rest.at);
    text_fini(&rest);
    take(rt, fresh);
    return result;
}

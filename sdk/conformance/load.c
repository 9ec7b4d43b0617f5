/* load: the same loader and the same YAML as the sidecar's, so that what passes here loads there. */
#include "load.h"
#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <config/component.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <plugin/loader.h>
#include <stdio.h>
#include <stdlib.h>

static int complain(const char *format, ...) TRB_PRINTF(1, 2);
static int complain(const char *format, ...)
{
    va_list ap;
    fputs("trilby-conform: ", stderr);
    va_start(ap, format);
    vfprintf(stderr, format, ap);
    va_end(ap);
    fputc('\n', stderr);
    return 2;
}

/* ---------------------------------------------------------------------------------- the plugin */
static int load_plugin(const char *path, struct plugin **ret)
{
    char whole[PATH_MAX], folder[PATH_MAX];
    struct trb_error err = ERROR_INIT;
    size_t len = strlen(path);
    if (!realpath(path, whole))
        return complain("%s: %s", path, strerror(errno));
    if (len < 4 || strcmp(path + len - 3, ".so"))
        return complain("%s: a plugin's file is called <type>.so, such as state.acme.so", path);
    snprintf(folder, sizeof folder, "%s", whole);
    loader_add_folder(dirname(folder));
    struct trb_slice file = slice_of(strrchr(whole, '/') + 1);
    return loader_get(slice_cut(file, file.len - 3), ret, &err) ? complain("%s", err.message) : 0;
}

static const struct trb_component *only_component(const struct trb_plugin *m)
{
    return TRB_HAS(m, components) && m->components[0] && !m->components[1] ? m->components[0] : NULL;
}

static int choose(const struct command *c, struct subject *s)
{
    const struct trb_plugin *m = s->plugin->manifest;
    char file[PATH_MAX];
    snprintf(file, sizeof file, "%.*s", (int)strlen(s->plugin->file) - 3, s->plugin->file);
    struct trb_slice type = slice_of(c->type ? c->type : file);
    s->component = plugin_component(s->plugin, type, slice_of(c->version));
    if (!s->component && !c->type && !c->version)
        s->component = only_component(m);
    if (!s->component)
        return complain("%s has no component %.*s; say which one with --type", s->plugin->path, SLICE_ARG(type));
    if (!s->component->type || !s->component->block)
        return complain("%s: its component does not say its type and its block", s->plugin->path);
    s->facts = block_facts_find(s->component->block);
    return s->facts ? 0 : complain("%s: there is no suite for the block '%s' yet", s->component->type, s->component->block);
}

/* ------------------------------------------------------------------------------ configuration */
struct gathered {
    struct trb_pair at[128];
    uint32_t count;
};

static void put(struct gathered *g, struct trb_name name, struct trb_name value)
{
    uint32_t i = 0;
    while (i < g->count && !slice_is_nocase(slice_name(g->at[i].key), slice_name(name)))
        i++;
    if (i == countof(g->at))
        return;
    g->at[i] = (struct trb_pair){{mem_text(name.at, name.len), name.len}, {mem_text(value.at ? value.at : "", value.len), value.len}};
    g->count += i == g->count;
}

static void warn(void *arg, const char *sentence)
{
    fprintf(stderr, "trilby-conform: %s\n", sentence);
}

static const struct component *find_document(const struct resource_set *set, const struct subject *s)
{
    for (uint32_t i = 0; i < set->of[RESOURCE_COMPONENT].count; i++) {
        struct component *c = component_of(set->of[RESOURCE_COMPONENT].at[i]);
        if (plugin_component(s->plugin, slice_name(c->type), slice_name(c->version)) == s->component)
            return c;
    }
    return NULL;
}

static int take_property(const struct property *p, const char *file, struct gathered *ret)
{
    struct trb_name value = p->value;
    if (p->secret_name.at)
        return complain("%s:%u: %s comes from a secret store, and there is none here: give it with --set %s=…", file,
                        p->place.line, p->name.at, p->name.at);
    if (p->env.at)
        value = name_of(getenv(p->env.at));
    put(ret, p->name, value);
    return 0;
}

static int take_document(const struct component *c, const char *file, struct subject *s, struct gathered *ret)
{
    struct text json = {0};
    s->name = mem_text(c->head.name.at, c->head.name.len);
    s->init_timeout_ns = c->init_timeout_ns;
    resource_to_json(&c->head, false, &json);
    s->document = slice_of(mem_text(json.at, json.len));
    text_fini(&json);
    for (uint32_t i = 0; i < c->head.property_count; i++)
        if (take_property(&c->head.properties[i], file, ret))
            return 2;
    return 0;
}

static char *read_file(const char *path, size_t *ret_len)
{
    FILE *f = fopen(path, "re");
    char *text = mem_alloc(YAML_MAX_BYTES + 1);
    if (!f)
        return mem_free(text);
    *ret_len = fread(text, 1, YAML_MAX_BYTES, f);
    fclose(f);
    return text;
}

static int take_config(const char *path, struct subject *s, struct gathered *ret)
{
    struct resource_query query = {.app_id = SLICE("conform"), .warn = warn};
    struct resource_set *set = NULL;
    struct trb_error err = ERROR_INIT;
    size_t len = 0;
    char *text = read_file(path, &len);
    if (!text)
        return complain("%s: %s", path, strerror(errno));
    trb_code code = resource_set_parse(path, slice_from(text, len), &query, &set, &err);
    const struct component *c = code ? NULL : find_document(set, s);
    int rc = code ? complain("%s", err.message)
             : !c ? complain("%s has no component of type %s", path, s->component->type)
                  : take_document(c, path, s, ret);
    mem_free(text);
    resource_set_destroy(set);
    return rc;
}

static void take_facts(const struct command *c, struct subject *s)
{
    static const char *const usual[] = {"conftestsecret=abcd", "secondsecret=efgh"};
    const char *const *from = c->secret_count ? c->secrets : usual;
    s->secret_count = c->secret_count ? c->secret_count : 2;
    for (uint32_t i = 0; i < s->secret_count; i++) {
        const char *equals = strchr(from[i], '=');
        s->secrets[i] = (struct secret_fact){mem_text(from[i], (size_t)(equals - from[i])), equals + 1};
        setenv(s->secrets[i].name, s->secrets[i].value, 1);
    }
    s->change = c->change;
    for (s->key_count = 0; s->key_count < c->key_count; s->key_count++) {
        struct secret_fact *key = &s->keys[s->key_count];
        const char *words = c->keys[s->key_count], *equals = strchr(words, '=');
        *key = (struct secret_fact){mem_text(words, (size_t)(equals - words)), equals + 1};
    }
    if (c->resolve) {
        const char *equals = strchr(c->resolve, '=');
        s->resolve_app = mem_text(c->resolve, equals ? (size_t)(equals - c->resolve) : strlen(c->resolve));
        s->resolve_address = equals ? equals + 1 : NULL;
    }
    s->is_ordered = c->ordered;
    s->foreign_descriptors = c->foreign_descriptors;
    s->foreign_threads = (uint32_t)c->foreign_threads;
    s->cannot_roll_back = c->no_rollback;
    s->plain_keys = c->plain_keys;
    s->keeps_nothing = c->keeps_nothing;
}

int load_subject(const struct command *c, struct subject *ret)
{
    static struct gathered properties;
    struct subject *s = ret;
    *s = (struct subject){.name = "conform", .init_timeout_ns = 5 * CLOCK_S, .document = SLICE("{}")};
    int rc = load_plugin(c->plugin, &s->plugin);
    rc = rc ? rc : choose(c, s);
    if (rc || c->describe)
        return rc;
    if (c->foreign_threads && s->plugin->manifest->flags & TRB_MAY_UNMAP)
        return complain("--foreign-threads: a plugin with threads that stay must not promise TRB_MAY_UNMAP");
    if (c->config && (rc = take_config(c->config, s, &properties)))
        return rc;
    for (uint32_t i = 0; i < c->set_count; i++)
        put(&properties, c->sets[i].key, c->sets[i].value);
    s->properties = (struct trb_pairs){properties.at, properties.count, sizeof properties.at[0]};
    take_facts(c, s);
    s->shim = shim_plugin(s->plugin, s->component, s->facts);
    return 0;
}

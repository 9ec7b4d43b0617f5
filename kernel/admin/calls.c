/* calls: what can be asked, and how a path finds its row. */
#include <admin/calls.h>
#include <admin/own.h>
#include <base/check.h>
#include <base/codec.h>
#include <base/slice.h>

#define RUNTIME(member) .verb = offsetof(struct admin_verbs, member)
#define COMPONENT_NAME "The component's metadata.name."
#define PLUGIN_NAME "The plugin's file without .so, such as state.redis or state."

static const struct admin_call table[] = {
    {"GET", "/v1/admin", "index", "Lists the calls of this API.", .gives = "Index", .own = own_index},
    {"GET", "/v1/admin/openapi.json", "openapi", "This description.", .gives = "Description", .own = own_openapi},
    {"GET", "/v1/admin/features", "showFeatures", "Shows the version, the build and what is switched on.", .gives = "Features",
     .fails = "503", RUNTIME(show_features)},
    {"GET", "/v1/admin/process", "showProcess", "Shows the figures of threads and memory.", .gives = "Process", .fails = "503",
     RUNTIME(show_process)},
    {"GET", "/v1/admin/log-level", "showLogLevel", "Shows how much is logged.", .gives = "LogLevel", .own = own_log_level},
    {"PUT", "/v1/admin/log-level", "setLogLevel", "Changes how much is logged, for the whole process.",
     "It holds until it is changed again or the process ends.", .takes = "LogLevelChange", .gives = "LogLevel", .fails = "400",
     .own = own_set_log_level},
    {"GET", "/v1/admin/plugins", "listPlugins", "Lists every copy of a plugin that is mapped, newest first.", .gives = "Plugins",
     .fails = "503", RUNTIME(list_plugins)},
    {"POST", "/v1/admin/plugins/{name}/reload", "reloadPlugin", "Reads the plugin's file again.",
     "Every component and block of it moves to the new copy, or none does. The old copy may still be draining when this "
     "answers: the list of plugins shows what it waits for.",
     .name = PLUGIN_NAME, .gives = "Done", .fails = "404 409 503", RUNTIME(reload_plugin)},
    {"POST", "/v1/admin/resources/reload", "reloadResources", "Reads the resource folders again.",
     "As when something has changed there: whatever is different is applied one by one after this has answered.",
     .gives = "Begun", .fails = "503", RUNTIME(reload_resources)},
    {"GET", "/v1/admin/components", "listComponents", "Lists every component, in any state.", .gives = "Components",
     .fails = "503", RUNTIME(list_components)},
    {"POST", "/v1/admin/components", "addComponent", "Gives a component.",
     "The body is the YAML of one component: it joins, or takes the place of the one of its name.", .takes = "yaml",
     .gives = "Done", .fails = "400 404 409 503", RUNTIME(add_component)},
    {"GET", "/v1/admin/components/{name}", "showComponent", "Shows one component with its options.",
     "A value that is sensitive, that came from a secret store or the environment, or whose name the component does not "
     "know, is not shown.",
     .name = COMPONENT_NAME, .gives = "ComponentInFull", .fails = "404 503", RUNTIME(show_component)},
    {"DELETE", "/v1/admin/components/{name}", "removeComponent", "Takes a component out of service.", .name = COMPONENT_NAME,
     .gives = "Done", .fails = "404 409 503", RUNTIME(remove_component)},
    {"POST", "/v1/admin/components/{name}/reload", "reloadComponent", "Starts a new instance, which takes over.",
     "It is made from the same document; secrets and values are resolved anew.", .name = COMPONENT_NAME, .gives = "Done",
     .fails = "400 404 409 503", RUNTIME(reload_component)},
};

const struct admin_call *calls_all(size_t *ret_count)
{
    *ret_count = countof(table);
    return table;
}

admin_verb *calls_verb(const struct admin_call *c, const struct admin_verbs *verbs)
{
    return c->own ? c->own : *(admin_verb *const *)(const void *)((const char *)verbs + c->verb);
}

/* A component may be called almost anything; what would garble a line of the log cannot be asked for. */
bool calls_read_name(struct trb_slice raw, char ret_name[CALLS_NAME], size_t *ret_len)
{
    char room[3 * CALLS_NAME];
    if (!raw.len || raw.len > sizeof room || memchr(raw.at, '/', raw.len) || !percent_decode(raw, false, room, ret_len) ||
        *ret_len > CALLS_NAME)
        return false;
    for (size_t i = 0; i < *ret_len; i++)
        if ((uint8_t)room[i] < ' ' || room[i] == 0x7f)
            return false;
    memcpy(ret_name, room, *ret_len);
    return true;
}

static bool is_name(struct trb_slice raw)
{
    char name[CALLS_NAME];
    size_t len;
    return calls_read_name(raw, name, &len);
}

static bool fits(const struct admin_call *c, struct trb_slice path, struct trb_slice *ret_name)
{
    struct trb_slice before = slice_of(c->path), after = before;
    if (!c->name)
        return slice_is(path, before);
    before = slice_split(&after, '{');
    slice_split(&after, '}');
    if (!slice_starts(path, before) || !slice_ends(path, after) || path.len <= before.len + after.len)
        return false;
    *ret_name = slice_cut(slice_skip(path, before.len), path.len - before.len - after.len);
    return is_name(*ret_name);
}

const struct admin_call *calls_find(struct trb_slice method, struct trb_slice path, struct trb_slice *ret_name,
                                    bool *ret_is_known)
{
    *ret_is_known = false;
    for (size_t i = 0; i < countof(table); i++) {
        struct trb_slice name = {0};
        if (!fits(&table[i], path, &name))
            continue;
        *ret_is_known = true;
        *ret_name = name;
        if (slice_is(method, slice_of(table[i].method)))
            return &table[i];
    }
    return NULL;
}

void calls_methods(struct trb_slice path, struct text *t)
{
    struct trb_slice name;
    for (size_t i = 0; i < countof(table); i++)
        if (fits(&table[i], path, &name)) {
            text_adds(t, t->len ? ", " : "");
            text_adds(t, table[i].method);
        }
}

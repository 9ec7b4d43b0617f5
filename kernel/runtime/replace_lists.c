/* replace_lists: what is loaded and what runs, as JSON for people and tools. */
#include <base/slice.h>
#include <plugin/loader.h>
#include <runtime/inside.h>
#include <runtime/replace.h>

static void member(struct text *t, const char *name, const char *value)
{
    text_addf(t, "\"%s\":", name);
    text_add_json(t, slice_of(value ? value : ""), false);
}

static void write_blocks(struct text *t, const struct trb_plugin *m)
{
    text_adds(t, ",\"blocks\":[");
    for (uint32_t i = 0; TRB_HAS(m, blocks) && m->blocks[i]; i++) {
        text_adds(t, i ? "," : "");
        text_add_json(t, slice_of(m->blocks[i]->name), false);
    }
    text_adds(t, "]");
}

static void write_users(struct runtime *rt, struct text *t, const struct plugin *p)
{
    bool first = true;
    text_adds(t, ",\"components\":[");
    list_each(node, &rt->components.entries) {
        struct entry *e = list_item(node, struct entry, link);
        if (!e->instance || e->instance->plugin != p)
            continue;
        text_adds(t, first ? "" : ",");
        text_add_json(t, slice_name(e->component->head.name), false);
        first = false;
    }
    text_adds(t, "]");
}

static bool is_newest(const struct plugin *p)
{
    list_each(node, loader_plugins()) {
        struct plugin *other = list_item(node, struct plugin, link);
        if (!strcmp(other->file, p->file))
            return other == p;
    }
    return true;
}

void replace_write_plugins(struct runtime *rt, struct text *t)
{
    bool first = true;
    text_adds(t, "{\"plugins\":[");
    list_each(node, loader_plugins()) {
        struct plugin *p = list_item(node, struct plugin, link);
        text_adds(t, first ? "{" : ",{");
        member(t, "file", p->file);
        text_addc(t, ',');
        member(t, "path", p->path);
        text_addc(t, ',');
        member(t, "version", p->manifest->version);
        text_addf(t, ",\"copy\":%llu,\"newest\":%s", (unsigned long long)p->serial, is_newest(p) ? "true" : "false");
        write_blocks(t, p->manifest);
        write_users(rt, t, p);
        text_addc(t, '}');
        first = false;
    }
    text_adds(t, "]}");
}

static void write_component(struct text *t, struct entry *e)
{
    static const char *const states[] = {"waiting", "parked", "resolving", "starting", "live", "failed", "leaving"};
    member(t, "name", e->component->head.name.at);
    text_addc(t, ',');
    member(t, "type", e->component->type.at);
    text_addc(t, ',');
    member(t, "version", e->component->version.at);
    text_addc(t, ',');
    member(t, "state", states[e->state]);
    if (e->why.len && e->state == ENTRY_FAILED) {
        text_addc(t, ',');
        member(t, "why", e->why.at);
    }
    if (!e->instance)
        return;
    char story[160];
    instance_story(e->instance, story, sizeof story);
    text_addf(t, ",\"copy\":%llu,\"lost\":%s", (unsigned long long)e->instance->plugin->serial,
              atomic_load(&e->instance->is_lost) ? "true" : "false");
    if (e->state == ENTRY_LEAVING) {
        text_addc(t, ',');
        member(t, "story", story);
    }
}

void replace_write_components(struct runtime *rt, struct text *t)
{
    bool first = true;
    text_adds(t, "{\"components\":[");
    list_each(node, &rt->components.entries) {
        text_adds(t, first ? "{" : ",{");
        write_component(t, list_item(node, struct entry, link));
        text_addc(t, '}');
        first = false;
    }
    text_adds(t, "]}");
}

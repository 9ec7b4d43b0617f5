/* report_plugins: every copy of a plugin's code that is mapped, and who still uses it. */
#include <plugin/loader.h>
#include <plugin/pins.h>
#include <runtime/inside.h>
#include <runtime/report.h>
#include <runtime/report_text.h>

static void write_blocks(struct text *t, const struct trb_plugin *m)
{
    bool is_later = false;
    text_adds(t, ",\"blocks\":[");
    for (uint32_t i = 0; TRB_HAS(m, blocks) && m->blocks[i]; i++) {
        report_next(t, &is_later);
        text_add_json(t, slice_of(m->blocks[i]->name), false);
    }
    text_addc(t, ']');
}

static bool runs_from(const struct entry *e, const struct plugin *p)
{
    return e->instance && e->instance->plugin == p;
}

static void write_components(struct text *t, struct runtime *rt, const struct plugin *p)
{
    bool is_later = false;
    text_adds(t, ",\"components\":[");
    list_each(node, &rt->components.entries) {
        struct entry *e = list_item(node, struct entry, link);
        if (!runs_from(e, p))
            continue;
        report_next(t, &is_later);
        text_add_json(t, slice_name(e->component->head.name), false);
    }
    text_addc(t, ']');
}

static void write_leaver(struct text *t, const char *kind, const char *name, const struct pins *pins, uint64_t since_ns)
{
    text_addc(t, '{');
    report_member(t, "kind", kind);
    text_addc(t, ',');
    report_member(t, "name", name);
    text_addc(t, ',');
    report_pins(t, pins);
    text_addc(t, ',');
    report_leaving(t, since_ns);
    text_addc(t, '}');
}

static void write_leaving_components(struct text *t, struct runtime *rt, const struct plugin *p, bool *is_later)
{
    list_each(node, &rt->components.entries) {
        struct entry *e = list_item(node, struct entry, link);
        struct pins pins;
        if (!runs_from(e, p) || e->state != ENTRY_LEAVING)
            continue;
        report_next(t, is_later);
        pins_of(e->instance, &pins);
        write_leaver(t, "component", e->component->head.name.at, &pins, e->instance->draining_ns);
    }
}

/* Nobody asks a block anything: what holds it are requests in its steps, routers and views. */
static void write_leaving_blocks(struct text *t, struct runtime *rt, const struct plugin *p, bool *is_later)
{
    list_each(node, &rt->blocks.leaving) {
        struct service *s = list_item(node, struct service, link);
        struct pins pins = {.other = atomic_load(&s->pins)};
        if (s->plugin != p)
            continue;
        report_next(t, is_later);
        write_leaver(t, "block", s->block->name, &pins, s->leaving_ns);
    }
}

static void write_leaving(struct text *t, struct runtime *rt, const struct plugin *p)
{
    bool is_later = false;
    text_adds(t, ",\"leaving\":[");
    write_leaving_components(t, rt, p, &is_later);
    write_leaving_blocks(t, rt, p, &is_later);
    text_addc(t, ']');
}

static bool is_newest(const struct plugin *p)
{
    list_each(node, loader_plugins()) {
        struct plugin *other = list_item(node, struct plugin, link);
        if (!strcmp(other->file, p->file) && !other->is_rejected)
            return other == p;
    }
    return false;
}

static void write_plugin(struct text *t, struct runtime *rt, const struct plugin *p)
{
    text_addc(t, '{');
    report_member(t, "file", p->file);
    text_addc(t, ',');
    report_member(t, "path", p->path);
    text_addc(t, ',');
    report_member(t, "version", p->manifest->version);
    text_addf(t, ",\"copy\":%llu,\"newest\":%s", (unsigned long long)p->serial, is_newest(p) ? "true" : "false");
    write_blocks(t, p->manifest);
    write_components(t, rt, p);
    text_addf(t, ",\"users\":%u", p->refs);
    write_leaving(t, rt, p);
    text_addc(t, '}');
}

void report_plugins(struct runtime *rt, struct text *t)
{
    bool is_later = false;
    text_adds(t, "{\"plugins\":[");
    list_each(node, loader_plugins()) {
        report_next(t, &is_later);
        write_plugin(t, rt, list_item(node, struct plugin, link));
    }
    text_adds(t, "]}");
}

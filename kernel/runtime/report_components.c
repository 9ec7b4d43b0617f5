/* report_components: what has become of every component, what holds it, and what it runs with. */
#include <base/clock.h>
#include <isolate/isolate.h>
#include <plugin/options.h>
#include <plugin/pins.h>
#include <runtime/inside.h>
#include <runtime/report.h>
#include <runtime/report_text.h>

void report_pins(struct text *t, const struct pins *p)
{
    text_addf(t, "\"pins\":{\"calls\":%lld,\"buffers\":%lld,\"other\":%lld,\"oldestMs\":%llu}", (long long)p->calls,
              (long long)p->buffers, (long long)p->other, (unsigned long long)(p->oldest_ns / CLOCK_MS));
}

void report_leaving(struct text *t, uint64_t since_ns)
{
    text_addf(t, "\"leavingMs\":%llu", (unsigned long long)(since_ns ? (clock_now_ns() - since_ns) / CLOCK_MS : 0));
}

static void write_isolated(struct text *t, const struct instance *i)
{
    struct isolate_figures f;
    if (isolate_figures(i, &f))
        text_addf(t, "\"isolated\":{\"pid\":%d,\"restarts\":%llu,\"residentBytes\":%llu,\"cpuMs\":%llu},", f.pid,
                  (unsigned long long)f.restarts, (unsigned long long)f.resident_bytes, (unsigned long long)(f.cpu_ns / CLOCK_MS));
}

static void write_instance(struct text *t, const struct entry *e)
{
    struct pins pins;
    char story[160];
    text_addf(t, ",\"copy\":%llu,\"lost\":%s,", (unsigned long long)e->instance->plugin->serial,
              atomic_load(&e->instance->is_lost) ? "true" : "false");
    write_isolated(t, e->instance);
    pins_of(e->instance, &pins);
    report_pins(t, &pins);
    if (e->state != ENTRY_LEAVING)
        return;
    instance_story(e->instance, story, sizeof story);
    text_addc(t, ',');
    report_leaving(t, e->instance->draining_ns);
    text_addc(t, ',');
    report_member(t, "story", story);
}

void report_entry(struct text *t, const struct entry *e)
{
    static const char *const states[] = {"waiting", "parked", "resolving", "starting", "live", "failed", "leaving"};
    const char *const members[][2] = {{"name", e->component->head.name.at}, {"type", e->component->type.at},
                                      {"version", e->component->version.at}, {"state", states[e->state]}};
    bool is_later = false;
    for (size_t i = 0; i < countof(members); i++) {
        report_next(t, &is_later);
        report_member(t, members[i][0], members[i][1]);
    }
    if (e->why.len && e->state == ENTRY_FAILED) {
        text_addc(t, ',');
        report_member(t, "why", e->why.at);
    }
    if (e->instance)
        write_instance(t, e);
}

void report_components(struct runtime *rt, struct text *t)
{
    bool is_later = false;
    text_adds(t, "{\"components\":[");
    list_each(node, &rt->components.entries) {
        report_next(t, &is_later);
        text_addc(t, '{');
        report_entry(t, list_item(node, struct entry, link));
        text_addc(t, '}');
    }
    text_adds(t, "]}");
}

/* Whatever came from a secret store or the environment is as secret as what an option calls sensitive. */
static bool is_from_elsewhere(void *component, struct trb_slice name)
{
    const struct property *p = component_property(component, name);
    return p && (p->is_secret || p->secret_name.at || p->env.at);
}

static struct entry *choose(struct runtime *rt, struct trb_slice name)
{
    struct entry *best = NULL;
    list_each(node, &rt->components.entries) {
        struct entry *e = list_item(node, struct entry, link);
        if (slice_is(slice_name(e->component->head.name), name) &&
            (!best || best->state == ENTRY_LEAVING || e->state == ENTRY_LIVE))
            best = e;
    }
    return best;
}

bool report_component(struct runtime *rt, struct trb_slice name, struct text *t)
{
    struct entry *e = choose(rt, name);
    if (!e)
        return false;
    text_addc(t, '{');
    report_entry(t, e);
    if (e->instance) {
        struct options_shown shown = {.properties = e->instance->setup.properties, .hides = is_from_elsewhere, .arg = e->component};
        text_adds(t, ",\"options\":");
        options_write(e->instance->component, &shown, t);
    }
    text_addc(t, '}');
    return true;
}

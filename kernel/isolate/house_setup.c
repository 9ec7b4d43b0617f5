/* house_setup: what an isolated component's process is told before it begins, and what cannot be kept from it. */
#include <base/check.h>
#include <base/log.h>
#include <base/slice.h>
#include <isolate/child.h>
#include <isolate/files.h>
#include <isolate/house.h>

void house_send_setup(struct house *h)
{
    const struct trb_setup *s = &h->instance->setup;
    struct arena *arena = arena_create(1u << 20);
    struct trb_isolate_setup setup = {
        .size = sizeof setup, .name = s->component, .block = name_of(h->component.block), .type = name_of(h->real->type),
        .version = name_of(h->instance->version), .file = name_of(h->plugin->path), .app_id = s->app_id,
        .namespace_ = s->namespace_, .document = s->document, .properties = s->properties,
        .init_timeout_ns = h->instance->init_timeout_ns, .memory_bytes = h->limits.memory_bytes,
        .descriptors = h->limits.descriptors, .log_level = log_level(), .may_dial = h->limits.may_dial,
        .may_open = h->limits.may_open, .files = files_named(arena, h->real, &s->properties, h->limits.writes)};
    struct frame_part part = {layout_setup, &setup, sizeof setup};
    check(frame_send(h->control, (struct frame_head){.kind = FRAME_SETUP}, &part, 1));
    stream_flush(h->control);
    arena_destroy(arena);
}

void house_tell_of_files(const struct isolate_limits *limits)
{
    static bool is_told;
    if (!is_told && !limits->may_open && !landlock_is_there())
        log_warn("dapr.runtime", "this kernel has no Landlock: isolated components may read and write every file that the "
                 "sidecar's user may");
    is_told |= !limits->may_open;
}

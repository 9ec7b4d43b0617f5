/* pins: three counters and the oldest call. They are read one after the other, so they may disagree by a call. */
#include <base/clock.h>
#include <plugin/call.h>
#include <plugin/pins.h>
#include <stdio.h>

void pins_of(const struct instance *i, struct pins *ret_pins)
{
    struct pins p = {.calls = atomic_load(&i->calls), .buffers = atomic_load(&i->buffers),
                     .oldest_ns = slot_home_oldest_ns(i->slots)};
    int64_t all = atomic_load(&i->pins);
    p.other = all > p.calls + p.buffers ? all - p.calls - p.buffers : 0;
    *ret_pins = p;
}

void instance_story(const struct instance *i, char *ret_text, size_t size)
{
    struct pins p;
    pins_of(i, &p);
    snprintf(ret_text, size, "%s stays: %lld call%s, %lld buffer%s, %lld other, oldest %llu s", i->component->type,
             (long long)p.calls, p.calls == 1 ? "" : "s", (long long)p.buffers, p.buffers == 1 ? "" : "s", (long long)p.other,
             (unsigned long long)(p.oldest_ns / CLOCK_S));
}

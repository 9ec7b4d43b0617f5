/* pins: three counters and the oldest call. They are read one after the other, so they may disagree by a call. */
#include <plugin/call.h>
#include <plugin/pins.h>

void pins_of(const struct instance *i, struct pins *ret_pins)
{
    struct pins p = {.calls = atomic_load(&i->calls), .buffers = atomic_load(&i->buffers),
                     .oldest_ns = slot_home_oldest_ns(i->slots)};
    int64_t all = atomic_load(&i->pins);
    p.other = all > p.calls + p.buffers ? all - p.calls - p.buffers : 0;
    *ret_pins = p;
}

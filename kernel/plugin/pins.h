/* pins: what an instance is held by, as numbers. [any] */
#ifndef PLUGIN_PINS_H
#define PLUGIN_PINS_H

#include <plugin/instance.h>

struct pins {
    int64_t calls, buffers, other;         /* other: open streams, requests that found it */
    uint64_t oldest_ns;                    /* age of the oldest unanswered call; 0: none */
};

void pins_of(const struct instance *, struct pins *ret_pins);

#endif

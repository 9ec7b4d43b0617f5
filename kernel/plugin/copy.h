/* copy: what crosses the border is copied by its layout, one block of memory for all of it. [any]
 *
 * A trb_data with an owner is not copied: its reference is taken over. Older, shorter structs are
 * welcome: members they lack come out zero. */
#ifndef PLUGIN_COPY_H
#define PLUGIN_COPY_H

#include <stdbool.h>
#include <trilby/verbs.h>

/* Bytes needed for a copy of value (size bytes as the other side compiled it), the struct included. */
size_t copy_measure(const struct trb_layout *, const void *value, size_t size);
/* Copies into room (as measured, 16-aligned). Returns room. */
void *copy_into(const struct trb_layout *, const void *value, size_t size, void *room);
/* Releases the buffers that a copy owns; wipe also overwrites texts (secrets). */
void copy_release(const struct trb_layout *, void *copy, bool wipe);

#endif

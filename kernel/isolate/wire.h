/* wire: a question, an answer or an event as bytes between two processes, by its layout. [any]
 *
 * Both ends are one build, but what arrives is judged as if it were not: every length is checked, and
 * what it makes us allocate is bounded by what was sent. A text keeps a NUL behind it on the way, so that
 * it may be read where it lies. */
#ifndef ISOLATE_WIRE_H
#define ISOLATE_WIRE_H

#include <stdbool.h>
#include <trilby/verbs.h>

/* Bytes that the value (size bytes as the other side compiled it) takes. */
size_t wire_measure(const struct trb_layout *, const void *value, size_t size);
/* Writes them; returns what is behind. */
char *wire_put(const struct trb_layout *, const void *value, size_t size, char *at);

/* Reads one value from the front of *bytes and moves that behind it. NULL: these bytes are none. The
 * value is one block of memory (mem_free) whose texts lie in the bytes. owner: of the bytes, or NULL; bodies
 * name it, and each of them holds a reference when is_given (copy_release returns those). */
void *wire_take(const struct trb_layout *, struct trb_slice *bytes, struct trb_buf *owner, bool is_given);

#endif

/* arena: memory that lives as long as a request and is freed whole.
 *
 * Two faces behind one interface: a bump pointer with a red zone and a byte budget in release, one
 * allocation per piece in sanitizer builds. Owned by one loop at a time; not for concurrent use. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <trilby/types.h>

struct arena;

/* budget: bytes after which arena_try refuses; arena_alloc ends the process only without memory. */
struct arena *arena_create(size_t budget);
struct arena *arena_destroy(struct arena *);                          /* NULL is welcome; returns NULL */
void arena_clear(struct arena *);                                     /* as new, keeps its first block */

void *arena_alloc(struct arena *, size_t size);                       /* aligned for anything */
void *arena_zero(struct arena *, size_t size);
void *arena_try(struct arena *, size_t size);                         /* NULL: the budget is spent */
size_t arena_used(const struct arena *);

struct trb_name arena_name(struct arena *, struct trb_slice);         /* a copy with a NUL behind it */
struct trb_pair arena_pair(struct arena *, struct trb_slice key, struct trb_slice value);
struct trb_name arena_join(struct arena *, const struct trb_slice *parts, size_t count);
struct trb_name arena_printf(struct arena *, const char *format, ...) TRB_PRINTF(2, 3);
struct trb_name arena_vprintf(struct arena *, const char *format, va_list);

/* From now on this thread keeps a few destroyed arenas for the next ones. For the process's own
 * threads, never for a copy of this code in a plugin, which may be unmapped while they live. */
void arena_keep_spares(void);

/* Runs release(arg) when the arena is cleared or destroyed, last linked first. */
void arena_link(struct arena *, void (*release)(void *), void *arg);
void arena_link_buf(struct arena *, struct trb_buf *);                /* takes the reference */

#endif

/* doing: whose code this thread runs, where it is not ours. For the watchdog of loops and for the crash report.
 *
 * Costs two stores where a plugin is entered and left. What is said lives as long as the process (doing_name). */
#ifndef BASE_DOING_H
#define BASE_DOING_H

#include <stdatomic.h>
#include <stdint.h>

struct doing {
    const char *_Atomic what;                 /* NULL: our own */
};
extern _Thread_local struct doing doing_here;

/* Returns what the thread was doing before, which is told to doing_leave: plugins call us, and we them. */
static inline const char *doing_enter(const char *what)
{
    const char *before = atomic_load_explicit(&doing_here.what, memory_order_relaxed);
    atomic_store_explicit(&doing_here.what, what, memory_order_release);
    return before;
}

static inline void doing_leave(const char *before)
{
    atomic_store_explicit(&doing_here.what, before, memory_order_release);
}

/* "orders (state.redis)", the same text for the same words, never freed. [any] */
const char *doing_name(const char *name, const char *type);
/* How many buffers whoever bears that name has taken and not given back; of a text of doing_name. */
_Atomic int64_t *doing_buffers(const char *name);

#endif

/* private: what the sources of this folder share and nobody else sees. */
#ifndef REQUEST_PRIVATE_H
#define REQUEST_PRIVATE_H

#include <request/request.h>
#include <stdatomic.h>

#define REQUEST_LOOPS 256u
#define REQUEST_SPARE_ARENAS 16u

/* One per loop: who lives there. */
struct request_home {
    struct list all;
    uint32_t depth;                  /* steps on this loop's stack */
    struct arena *spare[REQUEST_SPARE_ARENAS];
    uint32_t spare_count;
    _Atomic uint32_t live, lingering;
} __attribute__((aligned(64)));

struct request_home *request_home_of(struct loop *);
void request_finish(struct request *);                  /* no more steps; free when unpinned */
void request_body_fini(struct request *);
/* The cancel hook of whoever may be woken: it does nothing, but says so. */
void request_wait_cancelled(struct request *, void *arg, uint32_t why);
void request_unpin_from_anywhere(struct request *);
void request_sort_headers(struct http_headers *);
struct trb_name request_header_name(struct request *, struct trb_slice name);   /* as its door spells it */

#endif

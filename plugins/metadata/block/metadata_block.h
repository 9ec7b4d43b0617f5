/* metadata_block: the block's state, what it knows of the sidecar, and how that looks. http-api.md 4.14,
 * grpc-api.md 3.14 */
#ifndef METADATA_BLOCK_H
#define METADATA_BLOCK_H

#include <base/arena.h>
#include <base/map.h>
#include <base/slice.h>
#include <base/text.h>
#include <pb/runtime.h>
#include <trilby/block.h>

struct block {
    const struct trb_kernel *kernel;
    struct map extended;                   /* of struct note, under the block's lock */
};

/* What clients noted. A later value replaces, the runtime's own name stays. */
void extended_set(struct block *, struct trb_slice key, struct trb_slice value);
struct trb_pairs extended_list(struct block *, struct arena *);     /* by name; with the runtime's own */
void extended_fini(struct block *);
/* For the copy of this block that takes over, and from the one before. */
void extended_hand_over(void *block, void (*out)(void *arg, struct trb_slice kept), void *arg);
void extended_adopt(void *block, struct trb_slice kept);

/* The sidecar described, for both doors. Good as long as the arena and the calling step. */
void description_make(struct block *, struct arena *, struct runtime_get_metadata_response *ret);
/* HTTP's document of it, line end included. */
void document_write(const struct runtime_get_metadata_response *, struct text *);

#endif

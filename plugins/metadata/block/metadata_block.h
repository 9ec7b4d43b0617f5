/* metadata_block: the block's state and the two things it is made of. http-api.md 4.14 */
#ifndef METADATA_BLOCK_H
#define METADATA_BLOCK_H

#include <base/map.h>
#include <base/slice.h>
#include <base/text.h>
#include <trilby/block.h>

struct block {
    const struct trb_kernel *kernel;
    struct map extended;                   /* of char *, under the block's lock */
};

/* What clients noted by PUT. A later value replaces, the runtime's own name stays. */
void extended_set(struct block *, struct trb_slice key, struct trb_slice value);
void extended_write(struct block *, struct text *);
void extended_fini(struct block *);

/* The whole answer, its line end included. */
void document_write(struct block *, struct text *);

/* "name":"…" with what stands in front of it. */
void member_text(struct text *, const char *before, struct trb_slice value);

#endif

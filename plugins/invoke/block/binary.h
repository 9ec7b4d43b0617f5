/* binary: metadata whose name ends in -bin is base64: padded between sidecars, bare on gRPC's wire. What
 * cannot be decoded is dropped; several values joined by commas are several lines. */
#ifndef INVOKE_BINARY_H
#define INVOKE_BINARY_H

#include <stdbool.h>
#include <trilby/block.h>

/* The same pairs where none is binary. */
struct trb_pairs binary_recode(struct trb_request *, const struct trb_pairs *, bool pad);

#endif

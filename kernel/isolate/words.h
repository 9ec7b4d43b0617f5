/* words: the verbs of each block's contract, so that a question can be written down and read again in a
 * process that has no block. Both ends use this table: a block that knows more than this kernel is heard
 * as far as the kernel knows its words. [any] */
#ifndef ISOLATE_WORDS_H
#define ISOLATE_WORDS_H

#include <trilby/verbs.h>

struct words {
    const char *block;                     /* "state" */
    const struct trb_verb_info *verbs;
    uint32_t verb_count, ops_size;
};

const struct words *words_of(struct trb_slice block);  /* NULL: its components cannot be isolated */
const struct words *words_at(uint32_t i);              /* every one; NULL: no more */

#endif

/* facts_lock: the verbs of lock, from its table. */
#include "blocks.h"
#include <base/check.h>
#include <base/slice.h>
#include <trilby/lock.h>

#define TRB_DEF <trilby/lock.def>
#define TRB_OPS struct trb_lock_ops
#include <trilby/verbs_layout.h>

static const char *const names[] = {NULL};

static const void *probe(void)
{
    static const struct trb_lock_release q = {.size = sizeof q, .resource = {"conform-probe", 13}, .owner = {"nobody", 6}};
    return &q;
}

const struct block_facts facts_lock = {
    .block = {.size = sizeof(struct trb_block), .abi = TRB_BLOCK_ABI, .name = "lock", .verbs = trb_verbs_,
              .verb_count = countof(trb_verbs_), .verb_size = sizeof trb_verbs_[0], .cap_names = names, .cap_verbs = names,
              .mandatory = "try_lock unlock"},
    .probe = "unlock", .probe_question = probe};

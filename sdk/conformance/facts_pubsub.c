/* facts_pubsub: the verbs of pubsub, from its table. */
#include "blocks.h"
#include <base/check.h>
#include <base/slice.h>
#include <trilby/pubsub.h>

#define TRB_DEF <trilby/pubsub.def>
#define TRB_OPS struct trb_pubsub_ops
#include <trilby/verbs_layout.h>

static const char *const names[] = {"MESSAGE_TTL", "SUBSCRIBE_WILDCARDS", "BULK_PUBSUB", NULL};
static const char *const proofs[] = {"", "", "bulk_publish", NULL};

static const void *probe(void)
{
    static const struct trb_pubsub_publish q = {.size = sizeof q, .topic = {"conform-probe", 13}, .data = {"{}", 2, NULL}};
    return &q;
}

const struct block_facts facts_pubsub = {
    .block = {.size = sizeof(struct trb_block), .abi = TRB_BLOCK_ABI, .name = "pubsub", .verbs = trb_verbs_,
              .verb_count = countof(trb_verbs_), .verb_size = sizeof trb_verbs_[0], .cap_names = names, .cap_verbs = proofs,
              .mandatory = "publish subscribe"},
    .probe = "publish", .probe_question = probe};

/* facts_secretstores: the verbs of secretstores, from its table. */
#include "blocks.h"
#include <base/check.h>
#include <base/slice.h>
#include <trilby/secretstores.h>

#define TRB_DEF <trilby/secretstores.def>
#define TRB_OPS struct trb_secretstores_ops
#include <trilby/verbs_layout.h>

static const char *const names[] = {"MULTIPLE_KEY_VALUES_PER_SECRET", NULL};
static const char *const proofs[] = {"", NULL};

static const void *probe(void)
{
    static const struct trb_secret_get q = {.size = sizeof q, .name = {"conformprobe", 12}};
    return &q;
}

const struct block_facts facts_secretstores = {
    .block = {.size = sizeof(struct trb_block), .abi = TRB_BLOCK_ABI, .name = "secretstores", .verbs = trb_verbs_,
              .verb_count = countof(trb_verbs_), .verb_size = sizeof trb_verbs_[0], .cap_names = names, .cap_verbs = proofs,
              .mandatory = "get"},
    .probe = "get", .probe_question = probe};

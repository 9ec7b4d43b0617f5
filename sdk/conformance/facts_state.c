/* facts_state: the verbs of state, from its table. */
#include "blocks.h"
#include <base/check.h>
#include <base/slice.h>
#include <trilby/state.h>

#define TRB_DEF <trilby/state.def>
#define TRB_OPS struct trb_state_ops
#include <trilby/verbs_layout.h>

static const char *const names[] = {"ETAG", "TRANSACTIONAL", "QUERY_API", "TTL", "DELETE_WITH_PREFIX", "KEYS_LIKE", NULL};
static const char *const proofs[] = {"", "transact", "query", "", "remove_prefix", "", NULL};

static const void *probe(void)
{
    static const struct trb_state_get q = {.size = sizeof q, .key = {"conform||probe", 14}};
    return &q;
}

const struct block_facts facts_state = {
    .block = {.size = sizeof(struct trb_block), .abi = TRB_BLOCK_ABI, .name = "state", .verbs = trb_verbs_,
              .verb_count = countof(trb_verbs_), .verb_size = sizeof trb_verbs_[0], .cap_names = names, .cap_verbs = proofs,
              .mandatory = "get set remove"},
    .probe = "get", .probe_question = probe};

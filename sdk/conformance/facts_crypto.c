/* facts_crypto: the verbs of crypto, from its table. */
#include "blocks.h"
#include <base/check.h>
#include <base/slice.h>
#include <trilby/crypto.h>

#define TRB_DEF <trilby/crypto.def>
#define TRB_OPS struct trb_crypto_ops
#include <trilby/verbs_layout.h>

static const char *const names[] = {NULL};

static const void *probe(void)
{
    static const struct trb_crypto_key q = {.size = sizeof q, .key_name = {"conform-probe", 13}};
    return &q;
}

const struct block_facts facts_crypto = {
    .block = {.size = sizeof(struct trb_block), .abi = TRB_BLOCK_ABI, .name = "crypto", .verbs = trb_verbs_,
              .verb_count = countof(trb_verbs_), .verb_size = sizeof trb_verbs_[0], .cap_names = names, .cap_verbs = names,
              .mandatory = "get_key wrap_key unwrap_key"},
    .probe = "get_key", .probe_question = probe};

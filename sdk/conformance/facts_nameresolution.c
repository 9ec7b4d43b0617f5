/* facts_nameresolution: the verbs of nameresolution, from its table. */
#include "blocks.h"
#include <base/check.h>
#include <base/slice.h>
#include <trilby/nameresolution.h>

#define TRB_DEF <trilby/nameresolution.def>
#define TRB_OPS struct trb_nameresolution_ops
#include <trilby/verbs_layout.h>

static const char *const names[] = {NULL};

static const void *probe(void)
{
    static const struct trb_name_resolve q = {.size = sizeof q, .app_id = {"conform-nobody", 14}, .port = 50002};
    return &q;
}

const struct block_facts facts_nameresolution = {
    .block = {.size = sizeof(struct trb_block), .abi = TRB_BLOCK_ABI, .name = "nameresolution", .verbs = trb_verbs_,
              .verb_count = countof(trb_verbs_), .verb_size = sizeof trb_verbs_[0], .cap_names = names,
              .mandatory = "resolve"},
    .probe = "resolve", .probe_question = probe};

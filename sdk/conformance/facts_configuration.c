/* facts_configuration: the verbs of configuration, from its table. */
#include "blocks.h"
#include <base/check.h>
#include <base/slice.h>
#include <trilby/configuration.h>

#define TRB_DEF <trilby/configuration.def>
#define TRB_OPS struct trb_configuration_ops
#include <trilby/verbs_layout.h>

static const char *const names[] = {NULL};

static const void *probe(void)
{
    static const struct trb_configuration_key key = {.size = sizeof key, .key = {"conform.probe", 13}};
    static const struct trb_configuration_get q = {.size = sizeof q, .keys = {&key, 1, sizeof key}};
    return &q;
}

const struct block_facts facts_configuration = {
    .block = {.size = sizeof(struct trb_block), .abi = TRB_BLOCK_ABI, .name = "configuration", .verbs = trb_verbs_,
              .verb_count = countof(trb_verbs_), .verb_size = sizeof trb_verbs_[0], .cap_names = names, .cap_verbs = names,
              .mandatory = "get subscribe"},
    .probe = "get", .probe_question = probe};

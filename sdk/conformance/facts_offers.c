/* facts_offers: a component that finds types when the process starts has no verbs: it is started, and stopped. */
#include "blocks.h"

static const char *const names[] = {NULL};

const struct block_facts facts_offers = {
    .block = {.size = sizeof(struct trb_block), .abi = TRB_BLOCK_ABI, .name = "offers", .cap_names = names, .mandatory = ""},
    .probe = ""};

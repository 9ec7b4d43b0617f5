/* blocks: what the runner knows of each building block: its verbs, the mandatory ones, and the cheapest
 * question that any of its components can be asked. */
#ifndef CONFORMANCE_BLOCKS_H
#define CONFORMANCE_BLOCKS_H

#include <trilby/block.h>

struct block_facts {
    struct trb_block block;                    /* name, verbs, mandatory, cap_names, cap_verbs */
    const char *probe;                         /* a verb that may be asked at any time … */
    const void *(*probe_question)(void);       /* … with this question … */
    const void *(*probe_question_of)(const struct trb_component *); /* … or one that depends on the component */
};

const struct block_facts *block_facts_find(const char *name);      /* NULL: not known */
const struct trb_verb_info *block_verb(const struct block_facts *, const char *name);

extern const struct block_facts facts_state, facts_pubsub, facts_secretstores, facts_nameresolution, facts_lock, facts_configuration,
    facts_bindings, facts_crypto, facts_offers;

#endif

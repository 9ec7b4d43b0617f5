/* blocks: finding one by its name. */
#include "blocks.h"
#include <base/check.h>
#include <string.h>

const struct block_facts *block_facts_find(const char *name)
{
    static const struct block_facts *const all[] = {&facts_state, &facts_pubsub, &facts_secretstores,
                                                    &facts_nameresolution, &facts_lock, &facts_configuration,
                                                    &facts_bindings, &facts_crypto, &facts_offers};
    for (size_t i = 0; name && i < countof(all); i++)
        if (!strcmp(all[i]->block.name, name))
            return all[i];
    return NULL;
}

const struct trb_verb_info *block_verb(const struct block_facts *f, const char *name)
{
    for (uint32_t i = 0; i < f->block.verb_count; i++)
        if (!strcmp(f->block.verbs[i].name, name))
            return &f->block.verbs[i];
    return NULL;
}

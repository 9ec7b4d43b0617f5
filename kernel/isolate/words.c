/* words: one row per block whose components can run out of process. A table of verbs is included once per
 * file, so each block's is in one of its own (words_state.c …), all made by words_table.h. */
#include <base/check.h>
#include <base/slice.h>
#include <isolate/words.h>

extern const struct words words_bindings, words_configuration, words_crypto, words_lock, words_pubsub,
    words_secretstores, words_state;

static const struct words *const all[] = {&words_bindings, &words_configuration, &words_crypto, &words_lock,
                                          &words_pubsub,   &words_secretstores,  &words_state};

const struct words *words_at(uint32_t i)
{
    return i < countof(all) ? all[i] : NULL;
}

const struct words *words_of(struct trb_slice block)
{
    for (uint32_t i = 0; i < countof(all); i++)
        if (slice_is(slice_of(all[i]->block), block))
            return all[i];
    return NULL;
}

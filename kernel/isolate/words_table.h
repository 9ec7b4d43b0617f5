/* words_table: the row of one block, from its .def. Include once per file, with TRB_DEF, TRB_OPS and WORDS
 * (the block's name) defined. No guard. */
#include <isolate/words.h>
#include <trilby/verbs_layout.h>

#define WORDS_TEXT_(name) #name
#define WORDS_TEXT(name) WORDS_TEXT_(name)
#define WORDS_ROW_(name) words_##name
#define WORDS_ROW(name) WORDS_ROW_(name)
extern const struct words WORDS_ROW(WORDS);
const struct words WORDS_ROW(WORDS) = {.block = WORDS_TEXT(WORDS), .verbs = trb_verbs_,
                                       .verb_count = sizeof trb_verbs_ / sizeof trb_verbs_[0],
                                       .ops_size = sizeof(TRB_OPS)};

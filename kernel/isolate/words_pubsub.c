/* words of pubsub. */
#include <trilby/pubsub.h>

#define TRB_DEF <trilby/pubsub.def>
#define TRB_OPS struct trb_pubsub_ops
#define WORDS pubsub
#include <isolate/words_table.h>

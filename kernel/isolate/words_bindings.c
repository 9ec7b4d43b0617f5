/* words of bindings. */
#include <trilby/bindings.h>

#define TRB_DEF <trilby/bindings.def>
#define TRB_OPS struct trb_bindings_ops
#define WORDS bindings
#include <isolate/words_table.h>

/* words of state. */
#include <trilby/state.h>

#define TRB_DEF <trilby/state.def>
#define TRB_OPS struct trb_state_ops
#define WORDS state
#include <isolate/words_table.h>

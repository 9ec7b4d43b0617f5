/* words of secretstores. */
#include <trilby/secretstores.h>

#define TRB_DEF <trilby/secretstores.def>
#define TRB_OPS struct trb_secretstores_ops
#define WORDS secretstores
#include <isolate/words_table.h>

/* words of configuration. */
#include <trilby/configuration.h>

#define TRB_DEF <trilby/configuration.def>
#define TRB_OPS struct trb_configuration_ops
#define WORDS configuration
#include <isolate/words_table.h>

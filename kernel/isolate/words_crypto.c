/* words of crypto. */
#include <trilby/crypto.h>

#define TRB_DEF <trilby/crypto.def>
#define TRB_OPS struct trb_crypto_ops
#define WORDS crypto
#include <isolate/words_table.h>

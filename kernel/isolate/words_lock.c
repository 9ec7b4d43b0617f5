/* words of lock. */
#include <trilby/lock.h>

#define TRB_DEF <trilby/lock.def>
#define TRB_OPS struct trb_lock_ops
#define WORDS lock
#include <isolate/words_table.h>

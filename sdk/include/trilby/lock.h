/* trilby/lock.h: locks with an owner and an end. The verbs and structs are in lock.def. Mandatory: both. */
#ifndef TRILBY_LOCK_H
#define TRILBY_LOCK_H

#include <trilby/options.h>
#include <trilby/plugin.h>
#include <trilby/verbs.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How unlock ended. */
#define TRB_LOCK_RELEASED 0u /* it is free now */
#define TRB_LOCK_UNKNOWN 1u /* nobody holds it */
#define TRB_LOCK_OF_OTHERS 2u /* another owner holds it: nothing was changed */

#define TRB_DEF <trilby/lock.def>
#include <trilby/verbs_structs.h>

struct trb_lock_ops {
    uint32_t size;
#include <trilby/verbs_ops.h>
};
#undef TRB_DEF

#ifdef __cplusplus
}
#endif
#endif

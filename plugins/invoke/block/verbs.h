/* verbs: HTTP's methods as numbers, the way HTTPExtension counts them. Pure. */
#ifndef INVOKE_VERBS_H
#define INVOKE_VERBS_H

#include <trilby/types.h>

struct trb_slice verb_name(int32_t number);        /* "" for 0 and unknown ones */
int32_t verb_number(struct trb_slice name);        /* 0: it has none */

#endif

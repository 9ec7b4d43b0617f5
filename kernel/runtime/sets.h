/* sets: which block plugins a role of the process consists of. */
#ifndef RUNTIME_SETS_H
#define RUNTIME_SETS_H

#include <trilby/types.h>

/* NULL-terminated names of plugins, in the order in which blocks start; NULL: no such set. */
const char *const *set_plugins(struct trb_slice set);

#endif

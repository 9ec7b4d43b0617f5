/* component: counts and times the calls of components. [any] */
#ifndef OBSERVE_COMPONENT_H
#define OBSERVE_COMPONENT_H

#include <stdbool.h>
#include <stdint.h>
#include <trilby/types.h>

/* Labels that every series of the process carries; set once per runtime. Copied. */
void observe_identity(struct trb_slice app_id, struct trb_slice namespace_);
void observe_component(const char *name, const char *block, const char *verb, bool success, uint64_t ns);

#endif

/* standin: with --on-component-failure heal, the instance that did not start stays in the catalog: every
 * call of it fails with the reason, until another start succeeds. [main loop] */
#ifndef RUNTIME_STANDIN_H
#define RUNTIME_STANDIN_H

#include <plugin/instance.h>

struct runtime;
struct service;
struct standin;

/* failed is given (retired if NULL comes back): blocks with streams have no stand-ins, because a stream
 * that cannot open would keep them busy. */
struct standin *standin_create(struct runtime *, struct service *, struct instance *failed, const char *why);
struct trb_instance *standin_view(const struct standin *);
void standin_retire(struct standin *);     /* it is in no catalog any more; NULL is welcome */

#endif

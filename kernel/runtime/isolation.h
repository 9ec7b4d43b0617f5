/* isolation: which components run in a process of their own, and within what limits: --isolate and the
 * annotations of the resource, which are stronger. [main loop] */
#ifndef RUNTIME_ISOLATION_H
#define RUNTIME_ISOLATION_H

#include <config/flags.h>
#include <plugin/instance.h>
#include <config/component.h>

/* Whether the limits of the flags can be understood, before anybody needs them. */
trb_code isolation_check(const struct flags *, struct trb_error *err);
/* Fills in spec->instead and given_up where it is wanted. spec is otherwise complete. */
trb_code isolation_apply(const struct flags *, const struct component *, struct plugin *, struct instance_spec *,
                         struct trb_error *err);
/* What instance_create did not take. */
void isolation_undo(struct instance_spec *);

#endif

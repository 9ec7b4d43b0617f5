/* lookup: the names of a target's hosts as addresses, because libpq would block the loop for them. The
 * resolver may take as long as it likes in a thread of its own. [loop] */
#ifndef POSTGRES_LOOKUP_H
#define POSTGRES_LOOKUP_H

#include <postgres/target.h>

struct pg_lookup;

/* True: some host is a name, and no hostaddr stands for it. */
bool pg_lookup_is_needed(const struct pg_target *);
/* found: the target with host, hostaddr and port in step, one entry for each address; or an error. Never
 * called inside begin. NULL: the system has no thread left. */
struct pg_lookup *pg_lookup_begin(const struct trb_host *, const struct trb_origin *, const struct pg_target *,
                                  void (*found)(void *arg, const struct pg_target *, const struct trb_error *), void *arg);
/* Owed once for each begun, before or after found. Returns NULL; NULL is welcome. */
struct pg_lookup *pg_lookup_forget(struct pg_lookup *);

#endif

/* access: may a calling sidecar do what it asks for? Asked by the peer door before any step runs. [any]
 *
 * There is no policy yet: everybody is admitted. Certificates and policies join here, so that no
 * caller of this file has to change. */
#ifndef IDENTITY_ACCESS_H
#define IDENTITY_ACCESS_H

#include <stdbool.h>
#include <trilby/types.h>

/* identity: the caller's SPIFFE id, absent without one. true: refused, *err says why. */
bool access_is_refused(struct trb_slice identity, struct trb_slice method, struct trb_slice verb,
                       struct trb_error *err);

#endif

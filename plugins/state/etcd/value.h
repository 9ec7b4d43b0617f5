/* value: what version 2 of the store keeps under a key: a message of the data, when they were written, and for how
 * long. Pure. */
#ifndef STATE_ETCD_VALUE_H
#define STATE_ETCD_VALUE_H

#include <base/text.h>

void value_put(struct text *, struct trb_slice data, int64_t wall_ns, int64_t ttl_s);      /* ttl_s 0: for ever */
/* *ret_expiry_ns is 0 when it lives for ever. */
bool value_read(struct trb_slice bytes, struct trb_slice *ret_data, int64_t *ret_expiry_ns);

#endif

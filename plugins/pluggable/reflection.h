/* reflection: gRPC server reflection (v1alpha): which of Dapr's component services does a server have? Pure. */
#ifndef PLUGGABLE_REFLECTION_H
#define PLUGGABLE_REFLECTION_H

#include <base/text.h>

#define REFLECTION_STATE 1u
#define REFLECTION_PUBSUB 2u
#define REFLECTION_INPUT 4u
#define REFLECTION_OUTPUT 8u
#define REFLECTION_SECRETS 16u

void reflection_write(struct text *to);                     /* the question for all services */
/* NULL and the services that are ours, or why it is no list. */
const char *reflection_read(struct trb_slice answer, uint32_t *ret_services);

#endif

/* grpc_reflection: grpc.reflection.v1 and v1alpha: which services there are, and how they look.
 *
 * Answers out of a FileDescriptorSet that is searched as it lies there, without an index of its own. */
#ifndef REQUEST_GRPC_REFLECTION_H
#define REQUEST_GRPC_REFLECTION_H

#include <request/grpc_stream.h>

/* The set; stays readable for ever. [main loop], before the door takes calls */
void reflection_set_descriptors(struct trb_slice file_descriptor_set);
const struct grpc_service_handler *reflection_handlers(uint32_t *ret_count);

#endif

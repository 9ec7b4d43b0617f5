/* streams: a component's events as tasks, one each, that end by settling. Part of struct trb_kernel. */
#ifndef POLICY_STREAMS_H
#define POLICY_STREAMS_H

#include <request/request.h>

void streams_kernel_fill(struct trb_kernel *);
#endif

/* ask: the one way from a request to a component: finds, pins, asks, counts, keeps the answer.
 *
 * Fills its part of struct trb_kernel. What an ask brought is readable until the next ask of the same
 * request, or its end. Everything here is [loop]. */
#ifndef POLICY_ASK_H
#define POLICY_ASK_H

#include <plugin/instance.h>
#include <request/request.h>

/* find, count, ask, ask_each, answer, failure, item_count, item, has_verb, instance_*, block_of,
 * cap_names, instance_at, event, settle, stream_open, stream_close. */
void ask_kernel_fill(struct trb_kernel *);

/* For the runtime itself (secrets, names): asks without a request. The answer is readable inside then;
 * question must stay readable until then. */
void ask_plain(struct trb_instance *, uint32_t verb_offset, const void *question, uint64_t timeout_ns,
               void (*then)(void *arg, const void *answer, const struct trb_error *err), void *arg);

const struct trb_verb_info *ask_verb(const struct trb_instance *, uint32_t offset);

#endif

/* peer_metrics: calls between sidecars, counted at both ends. [loop] */
#ifndef CHANNEL_PEER_METRICS_H
#define CHANNEL_PEER_METRICS_H

#include <stdbool.h>
#include <stdint.h>
#include <trilby/types.h>

/* we: our app id, they: that of the other side; status: as the answer says it. */
void peer_metrics_asked(struct trb_name we, struct trb_slice they, bool is_streaming);
void peer_metrics_was_answered(struct trb_name we, struct trb_slice they, int32_t status, bool is_streaming, uint64_t took_ns);
void peer_metrics_was_asked(struct trb_name we, struct trb_slice they);
void peer_metrics_answered(struct trb_name we, struct trb_slice they, int32_t status);

#endif

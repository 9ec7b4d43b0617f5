/* peer_door: calls of other sidecars become requests: method, query, headers and body are the
 * original caller's. CallLocal and CallLocalStream of grpc-api.md 4.4. */
#ifndef CHANNEL_PEER_DOOR_H
#define CHANNEL_PEER_DOOR_H

#include <request/grpc_stream.h>
#include <request/router.h>

/* Two handlers for the gRPC door of the peer listener. peers: the routes with TRB_ROUTE_PEER. */
const struct grpc_service_handler *peer_door_handlers(uint32_t *ret_count);
void peer_door_set_router(struct router *given);           /* [main loop] */

/* May this caller do that? NULL: everybody may. Set by identity once policies exist. */
typedef bool peer_policy(struct trb_slice identity, struct trb_slice method, struct trb_slice verb,
                         struct trb_error *err);
void peer_door_set_policy(peer_policy *);

#endif

/* proxy: any gRPC method that nobody here serves goes on to the app or to another sidecar, bytes as they
 * come. Facts: grpc-api.md 1.6, 4.1, 4.5.
 *
 *     API port:       client ──► own app, or the sidecar of another
 *     internal port:  another sidecar ──► own app */
#ifndef CHANNEL_PROXY_H
#define CHANNEL_PROXY_H

#include <channel/peer_door.h>
#include <request/grpc_stream.h>

/* The handler of service "*" for one of the two ports. */
const struct grpc_service_handler *proxy_handler(bool is_peer_port);

/* Asked for calls of the own app that come from other sidecars. */
void proxy_set_policy(peer_policy *);

#endif

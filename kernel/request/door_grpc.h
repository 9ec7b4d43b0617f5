/* door_grpc: from an HTTP/2 exchange to a gRPC method's first step (grpc-api.md 1.3 to 1.7). */
#ifndef REQUEST_DOOR_GRPC_H
#define REQUEST_DOOR_GRPC_H

#include <net/http.h>
#include <request/door.h>
#include <request/grpc_stream.h>

struct door_grpc;
struct grpc_table;                      /* who answers which method; immutable, counted */

struct grpc_source {                    /* the methods of one block */
    const struct trb_block *block;
    struct request_owner *owner;
};
struct grpc_table *grpc_table_create(const struct grpc_source *, uint32_t count,
                                     const struct grpc_service_handler *handlers, uint32_t handler_count);
struct grpc_table *grpc_table_unref(struct grpc_table *);
/* Names of all services, each once, until NULL. For reflection. */
const char *grpc_table_service(const struct grpc_table *, uint32_t i);

struct door_grpc *door_grpc_create(const struct door_setup *);
struct door_grpc *door_grpc_destroy(struct door_grpc *);
void door_grpc_set_table(struct door_grpc *, struct grpc_table *given);  /* [any] */
void door_grpc_set_rules(struct door_grpc *, const struct door_rules *); /* [any] */
void door_grpc_on_request(void *door, struct exchange *);                /* on_request of its listeners */

#endif

/* headers: which lines pass, under which names: http-api.md 4.2, grpc-api.md 4.3. Pure. */
#ifndef INVOKE_HEADERS_H
#define INVOKE_HEADERS_H

#include <stdbool.h>
#include <trilby/types.h>

/* What a way does with a line; lines of a hop, and those of another way's routing, never pass. */
#define HEADERS_NO_TYPE 1u                 /* content-type is said by the way itself */
#define HEADERS_NO_LENGTH 2u               /* so is content-length */
#define HEADERS_NO_HOST 4u
#define HEADERS_NO_TRACE 8u                /* the kernel says the trace */
#define HEADERS_NO_BINARY 16u              /* names that end in -bin */
#define HEADERS_NO_APP_ID 32u              /* dapr-app-id */
#define HEADERS_NO_API_TOKEN 64u
#define HEADERS_NO_GRPC 128u               /* what gRPC says of its own hop: te, grpc-status, … */
#define HEADERS_OF_HTTP 256u               /* spelled X-Custom, whatever they came as; grpc-* is dapr-grpc-* */
#define HEADERS_AS_GRPC 512u               /* lower case; Content-Type and its like, so spelled, get dapr- in front */

#define HEADERS_TO_HTTP_APP (HEADERS_NO_TYPE | HEADERS_NO_LENGTH | HEADERS_NO_HOST | HEADERS_NO_TRACE | HEADERS_NO_BINARY | \
                             HEADERS_NO_APP_ID | HEADERS_OF_HTTP)
#define HEADERS_TO_GRPC_APP (HEADERS_NO_HOST | HEADERS_NO_TRACE | HEADERS_NO_APP_ID | HEADERS_AS_GRPC)
#define HEADERS_TO_PEER (HEADERS_NO_LENGTH | HEADERS_NO_HOST | HEADERS_NO_TRACE | HEADERS_NO_APP_ID)
#define HEADERS_TO_HTTP_CLIENT (HEADERS_NO_LENGTH | HEADERS_NO_BINARY | HEADERS_OF_HTTP)
#define HEADERS_TO_GRPC_CLIENT (HEADERS_NO_LENGTH | HEADERS_AS_GRPC)   /* and NO_GRPC, or OF_HTTP */
#define HEADERS_TO_CALLER (HEADERS_NO_LENGTH)              /* another sidecar asked, and reads them */

/* Bytes that the kept names need at most. */
size_t headers_room(const struct trb_pairs *from);
/* Kept lines, in order. Values, and names that stay as they are, are shared with from; to has room for from->count
 * pairs, names for headers_room bytes. */
struct trb_pairs headers_filter(const struct trb_pairs *from, uint32_t way, struct trb_pair *to, char *names);

#endif

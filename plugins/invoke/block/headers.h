/* headers: which lines pass, under which names: http-api.md 4.2, grpc-api.md 4.3. Pure. */
#ifndef INVOKE_HEADERS_H
#define INVOKE_HEADERS_H

#include <stdbool.h>
#include <trilby/types.h>

#define HEADERS_TO_APP 1u                  /* an HTTP request: its codec says the length, the kernel the trace */
#define HEADERS_TO_PEER 2u                 /* metadata of a message that carries the content type itself */
#define HEADERS_TO_CLIENT 3u               /* an answer */

/* Bytes that the kept names need at most. */
size_t headers_room(const struct trb_pairs *from);
/* Kept lines, in order, names in canonical spelling (X-Custom), grpc-* renamed. Values are shared with
 * from; to has room for from->count pairs, names for headers_room bytes. */
struct trb_pairs headers_filter(const struct trb_pairs *from, uint32_t way, struct trb_pair *to, char *names);

#endif

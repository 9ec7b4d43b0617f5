/* frame: what gRPC puts on top of HTTP/2, as pure functions: the head of a message, a status, its text, a
 * timeout. [any] */
#ifndef GRPC_FRAME_H
#define GRPC_FRAME_H

#include <stdbool.h>
#include <trilby/types.h>

#define GRPC_HEAD 5u

void grpc_frame_head(char to[GRPC_HEAD], size_t len);
/* The one message that these bytes are; false: they are none, more than one, or compressed. */
bool grpc_frame_only(struct trb_slice bytes, struct trb_slice *ret_message);
/* The first of several, of which the last may be cut short. false: not all of it is there, but *ret_len is known once
 * its head is (0 until then). A compressed one has at == NULL. */
bool grpc_frame_first(struct trb_slice bytes, struct trb_slice *ret_message, size_t *ret_len);

bool grpc_status_read(struct trb_slice text, trb_code *ret_code);           /* "0" … "16" */
trb_code grpc_status_of_http(int64_t status);                               /* an answer that is not gRPC's */
size_t grpc_text_read(struct trb_slice escaped, char *to, size_t room);     /* %XX undone, cut to room, NUL behind */
size_t grpc_timeout_write(int64_t ns, char to[16]);                         /* "5000m" */

#endif

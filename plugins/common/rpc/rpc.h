/* rpc: what the gRPC methods of all blocks share: the question's message becomes a struct in the request's
 * memory, the answer's struct a message. [loop] */
#ifndef RPC_RPC_H
#define RPC_RPC_H

#include <pb/pb.h>
#include <stdbool.h>
#include <trilby/block.h>

/* Reads message into ret (the struct that the type describes). false: *ret_refusal answers that it is none. */
bool rpc_read_message(struct trb_request *, struct trb_slice message, const struct pb_type *, void *ret,
                      struct trb_next *ret_refusal);
/* The same of a unary method's message. */
bool rpc_read(struct trb_request *, const struct pb_type *, void *ret, struct trb_next *ret_refusal);

/* A message that somebody else sent, e.g. the app: NULL, or why it is none. */
const char *rpc_parse(struct trb_request *, struct trb_slice message, const struct pb_type *, void *ret);

/* The struct as a message that lives as long as the request. */
struct trb_data rpc_message(struct trb_request *, const struct pb_type *, const void *from);
/* Answers with one message, and OK. */
struct trb_next rpc_reply(struct trb_request *, const struct pb_type *, const void *from);
struct trb_next rpc_reply_empty(struct trb_request *);

/* Bytes of the request's message as a value: the buffer goes along, so that nobody has to copy it. */
struct trb_data rpc_data(struct trb_request *, struct trb_slice part);
/* Refuses with code and text alone. */
struct trb_next rpc_refuse(struct trb_request *, trb_code, const char *category, const char *format, ...) TRB_PRINTF(4, 5);

#endif

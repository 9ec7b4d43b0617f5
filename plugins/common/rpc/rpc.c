/* rpc: see rpc.h. */
#include "rpc.h"
#include <base/slice.h>
#include <base/text.h>

static void *from_request(void *rq, size_t size)
{
    return trb_alloc(rq, size);
}

struct trb_next rpc_refuse(struct trb_request *rq, trb_code code, const char *category, const char *format, ...)
{
    va_list ap;
    struct text t = {0};
    va_start(ap, format);
    text_vaddf(&t, format, ap);
    va_end(ap);
    struct trb_error_row *row = trb_alloc(rq, sizeof *row);
    *row = (struct trb_error_row){.size = sizeof *row, .code = "ERR_RPC", .category = category, .grpc = code};
    struct trb_refusal r = {.size = sizeof r, .row = row, .message = text_slice(&t)};
    struct trb_next next = rq->kernel->refuse(rq, &r);
    text_fini(&t);
    return next;
}

const char *rpc_parse(struct trb_request *rq, struct trb_slice message, const struct pb_type *type, void *ret)
{
    return pb_read(type, message, (struct pb_memory){from_request, rq}, ret);
}

bool rpc_read_message(struct trb_request *rq, struct trb_slice message, const struct pb_type *type, void *ret,
                      struct trb_next *ret_refusal)
{
    const char *fault = rpc_parse(rq, message, type, ret);
    if (fault)
        *ret_refusal = rpc_refuse(rq, TRB_INTERNAL, "common", "grpc: error unmarshalling request: %s", fault);
    return !fault;
}

bool rpc_read(struct trb_request *rq, const struct pb_type *type, void *ret, struct trb_next *ret_refusal)
{
    struct trb_data body = rq->kernel->body(rq);
    return rpc_read_message(rq, slice_from(body.at ? body.at : "", body.len), type, ret, ret_refusal);
}

struct trb_data rpc_message(struct trb_request *rq, const struct pb_type *type, const void *from)
{
    struct text t = {0};
    char *bytes;
    pb_write(type, from, &t);
    struct trb_data message = rq->kernel->buffer(rq, t.len, &bytes);
    if (t.len)
        memcpy(bytes, t.at, t.len);
    text_fini(&t);
    return message;
}

#define USUAL 480u                  /* bytes that most answers do not exceed */

/* What is answered is copied into its frame at once. */
struct trb_next rpc_reply(struct trb_request *rq, const struct pb_type *type, const void *from)
{
    struct text t = {0};
    (void)text_room(&t, USUAL);
    pb_write(type, from, &t);
    struct trb_next next = trb_reply(rq, 200, (struct trb_data){t.at ? t.at : "", t.len, NULL});
    text_fini(&t);
    return next;
}

struct trb_next rpc_reply_empty(struct trb_request *rq)
{
    return trb_reply(rq, 200, (struct trb_data){"", 0, NULL});
}

struct trb_data rpc_data(struct trb_request *rq, struct trb_slice part)
{
    return (struct trb_data){part.at ? part.at : "", part.len, rq->kernel->body(rq).owner};
}

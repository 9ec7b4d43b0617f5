/* grpc_private: one gRPC call at the door, as the sources of the gRPC door share it. */
#ifndef REQUEST_GRPC_PRIVATE_H
#define REQUEST_GRPC_PRIVATE_H

#include <net/grpc.h>
#include <request/door_common.h>
#include <request/door_grpc.h>

#define GRPC_STREAM_MAGIC 0x47535452u

struct grpc_entry {                     /* who answers one method */
    const struct trb_method *method;    /* a block's, or NULL */
    struct request_owner *owner;
    const struct grpc_service_handler *handler;
};

struct grpc_stream {
    uint32_t magic;
    struct door *door;
    struct exchange *x;
    struct request *rq;
    struct grpc_table *table;           /* a reference */
    struct grpc_entry entry;
    struct grpc_stream_info info;
    void *owner;                        /* the handler's */
    struct grpc_reader reader;
    struct trb_slice content_type;      /* of the answer */
    struct trb_slice trace_bin;         /* grpc-trace-bin, decoded; absent: none came, or none that could be one */
    size_t withheld, lent;              /* window bytes of whole messages; message bytes a handler has */
    bool gzip, head_sent, finished, got_message, half_closed, has_reader;
};

const struct grpc_entry *grpc_table_find(const struct grpc_table *, struct trb_slice path);
const struct grpc_entry *grpc_table_stray(const struct grpc_table *);     /* service "*", or NULL */
struct grpc_table *grpc_table_ref(struct grpc_table *);

/* What is wrong with a head before anyone is asked. http_status 0: nothing is. */
struct grpc_fault {
    int http_status;
    struct trb_error err;
};
void grpc_check(struct grpc_stream *, struct grpc_fault *ret_fault);
/* Lists, token, trace context, and who answers: false: *err says why not. */
bool grpc_admit(struct grpc_stream *, struct trb_error *err);

void grpc_stream_begin(struct grpc_stream *);                   /* the reader */
void grpc_stream_fini(struct grpc_stream *);
void grpc_stream_data(struct grpc_stream *, struct trb_data);
void grpc_stream_end(struct grpc_stream *);
void grpc_stream_open_window(struct grpc_stream *, size_t message_bytes);
void grpc_stream_status(struct grpc_stream *, int http_status, const struct trb_error *); /* NULL: OK */

#endif

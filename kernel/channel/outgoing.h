/* outgoing: one call out and what is known of its answer. Private to this folder. [loop]
 *
 *     queued (slot, address) ──► sent ──► head ──► gather or relay ──► over
 */
#ifndef CHANNEL_OUTGOING_H
#define CHANNEL_OUTGOING_H

#include <base/buf.h>
#include <channel/channel.h>
#include <channel/peer_codec.h>
#include <net/grpc.h>
#include <net/http.h>

#define OUTGOING_MAGIC 0x4f555447u
#define GRPC_USER_AGENT "grpc-c-trilby"

struct inflate;
struct outgoing;

/* What a protocol makes of what comes. */
struct outgoing_protocol {
    void (*head)(struct outgoing *, const struct http_head *);
    void (*data)(struct outgoing *, struct trb_data piece);
    void (*end)(struct outgoing *, const struct http_headers *trailers);
    void (*room)(struct outgoing *);       /* NULL: all of the request was given at once */
    void (*failed)(struct outgoing *, const struct trb_error *err);
};
/* For calls whose outgoing has a protocol. */
extern const struct http_call_events outgoing_events;   /* outgoing_events.c */

struct outgoing {
    struct http_call call;                 /* first: events find us by it */
    uint32_t magic;
    const struct outgoing_protocol *protocol;
    struct request *rq;
    struct trb_outcall question;
    struct trb_outcome outcome;
    struct http_pool *pool;
    struct http_head head;                 /* of the request, as sent */
    bool has_slot, is_running, head_seen, ended, failed, is_waiting_head, is_gathering, is_relaying, adds_gzip;
    bool is_peeking, is_relayed, is_pumping; /* relayed: the request's own body, which passes only once */
    bool is_unary;                         /* CallLocal: the body inside of one message */
    struct trb_error failure;
    struct gather body;                    /* the answer, gathered */
    struct trb_data whole;                 /* the same, finished; owner is ours */
    size_t max, owed;                      /* owed: bytes the callee's window still waits for */
    struct trb_data queue[8];              /* the answer before anybody wants it; bounded by the window */
    uint32_t queued;
    struct inflate *inflate;
    struct trb_data packed;                /* came, and waits for room to be unpacked; owner is ours */
    bool is_unpacking;                     /* a piece that is given may bring its reader here again */
    bool has_end;                          /* the answer ended, and is not unpacked yet */
    uint64_t sent_bytes, received_bytes, began_ns;
    struct list slot_link;
    struct letter slot_letter;
    struct request_ending ending;
    struct timer timeout;
    /* Towards a gRPC server: a peer, the app. */
    struct grpc_reader reader;
    struct http_headers came;              /* the head of the app's answer */
    int came_status;
    uint64_t seq_out, seq_in;
    bool has_response;
    bool has_status;                       /* it stood in the head: there will be no trailers */
    uint32_t tries;
    struct timer again;
    struct trb_name address;
};

/* Called by the protocol when something is known; they do what the request waits for. */
void outgoing_head(struct outgoing *);                         /* outcome is filled in */
void outgoing_piece(struct outgoing *, struct trb_data piece); /* a piece of the answer's body */
bool outgoing_has_room(const struct outgoing *);               /* is another wanted now? */
void outgoing_credit(struct outgoing *, size_t bytes);         /* after pieces: bytes as the connection counts them */
void outgoing_end(struct outgoing *);
void outgoing_fail(struct outgoing *, const struct trb_error *err);
void outgoing_pump(struct outgoing *);                         /* the request's body towards the callee */

/* How a protocol starts and writes. */
void http_out_start(struct outgoing *);                        /* TO_APP, TO_URL */
void grpc_out_start(struct outgoing *);                        /* TO_APP_GRPC */
extern const struct outgoing_protocol grpc_out_protocol;       /* grpc_answer.c */
void grpc_add_timeout(struct outgoing *);                      /* to its head, if it has one */
void grpc_word_failure(struct trb_error *);                    /* why a call has no status; text and details NULL */
/* The head of an answer that is no gRPC: not OK, and *err says what it is. */
trb_code grpc_word_foreign(struct arena *, int status, const struct http_headers *, struct trb_error *err);
struct trb_slice grpc_trace_bin(struct arena *, struct trb_slice traceparent);     /* base64, zeros for none */
void outgoing_start_app(struct outgoing *);                    /* one of the two: it has its slot */
struct trb_slice app_authority(struct arena *);                /* "127.0.0.1:3001" */
void http_out_go_on(struct outgoing *);                        /* there is room for more of the answer */
void peer_out_start(struct outgoing *);                        /* TO_PEER: resolves, connects, writes the head */
void http_out_name_call(const struct outgoing *, struct trb_error *err);   /* Post "http://…": in front */
bool peer_out_write(struct outgoing *, struct trb_data piece);
void peer_out_finish(struct outgoing *);
/* No answer: tries again where that is safe, else tells the request. break_off: the call is cancelled first. */
void peer_out_fail(struct outgoing *, const struct trb_error *err);
void peer_out_break_off(struct outgoing *, trb_code code, const char *format, ...) TRB_PRINTF(3, 4);
extern const struct outgoing_protocol peer_out_protocol;       /* peer_reply.c */

void app_metrics_count(struct outgoing *);                     /* a call of the app is over */
void grpc_metrics_count(struct outgoing *);                    /* the same, of its gRPC server */

/* Pools of this loop. */
struct http_pool *pool_for_app(void);
struct http_pool *pool_for_app_grpc(void);
struct http_pool *pool_for_peer(struct trb_slice address);
struct http_pool *pool_for_url(struct trb_slice scheme, struct trb_slice host, uint16_t port, const void *tls);
const struct channel_setup *channel_setup(void);

/* app-max-concurrency: true: go on now; false: outgoing waits and is started later. */
bool app_slot_take(struct outgoing *);
void app_slot_give(struct outgoing *);

/* gzip answers that only we asked for. */
struct inflate *inflate_create(void);
struct inflate *inflate_destroy(struct inflate *);
/* Packed bytes in, pieces out by calls of give (it takes them) until that says false: no room. Returns the
 * bytes that were used up; SIZE_MAX: no gzip. */
size_t inflate_feed(struct inflate *, struct trb_slice, bool (*give)(void *arg, struct trb_buf *), void *arg);
bool inflate_owes(const struct inflate *);     /* more comes out even of nothing: feed it an empty slice */
bool inflate_is_whole(const struct inflate *); /* nothing went in, or the end has been seen */

#endif

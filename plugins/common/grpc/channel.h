/* channel: the channel as its files share it: which connection a call goes over, and who waits. */
#ifndef GRPC_CHANNEL_H
#define GRPC_CHANNEL_H

#include <grpc/conn.h>
#include <trilby/services.h>

struct leaving {
    struct list link;
    struct conn *conn;
};

struct grpc {
    uint32_t magic;
    struct grpc_setup setup;
    const struct trb_timer_service *timers;
    struct conn *conn;                          /* for new calls; NULL while resting */
    struct list leaving;                        /* servers that said goodbye and still work for us */
    struct list waiting;
    struct list ended;                          /* streams whose last messages wait for their askers */
    size_t waiting_bytes;
    uint32_t endpoint;
    uint32_t failures;                          /* attempts since the last success */
    uint32_t depth;
    bool is_dead, is_open;                      /* open: calls go out; else only what greets */
    struct trb_timer *rest, *watch;
    uint64_t watch_ns;                          /* when the watch fires: no later than the first deadline */
    struct trb_error fault;
};
#define GRPC_MAGIC 0x47525048u

/* Between these the channel stays, also when it is destroyed. */
void channel_enter(struct grpc *);
void channel_leave(struct grpc *);

/* stream.c: what has come for a stream, and its end; given when it is to be freed. */
void stream_arrived(void *channel, struct conn *, struct grpc_call *);
void stream_tell_end(struct grpc_call *, const struct trb_error *err);

/* grpc.c: asking and telling. */
void call_tell(struct grpc_call *, struct trb_slice message, const struct trb_error *err);
void calls_tell(struct list *, const struct trb_error *err);
void calls_take_waiting(struct grpc *, struct list *to);
void calls_take_running(struct conn *, struct list *to);
void call_place(struct grpc *, struct grpc_call *);         /* on the connection, or among those who wait, or told */
void call_wait(struct grpc *, struct grpc_call *);

/* route.c: connections. */
void route_dial(struct grpc *);
bool route_is_out(const struct grpc *);                     /* every endpoint has failed */
void route_part(struct grpc *, struct conn *);              /* new calls go over another one */
void leaving_end(struct leaving *);

/* late.c: deadlines. */
void late_watch(struct grpc *, uint64_t now, uint64_t next);

#endif

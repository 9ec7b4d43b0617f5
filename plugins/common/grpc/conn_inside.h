/* conn_inside: a connection as its two files share it: conn.c lives with the stream, session.c with nghttp2. */
#ifndef GRPC_CONN_INSIDE_H
#define GRPC_CONN_INSIDE_H

#include <grpc/conn.h>
#include <nghttp2/nghttp2.h>
#include <trilby/services.h>

#define DIALING 0
#define GREETING 1
#define UP 2
#define LEAVING 3
#define GONE 4

struct conn {
    uint32_t magic;
    struct conn_setup setup;
    const struct trb_stream_service *streams;
    const struct trb_timer_service *timers;
    struct trb_stream *stream;
    struct trb_timer *timer;
    nghttp2_session *session;
    struct list running, ended;                 /* ended: its asker is not told yet */
    struct list arrived;                        /* streams of which something has come (grpc_call.arrived) */
    uint32_t state, depth;
    bool is_dead, was_up, has_greeted, has_goodbye;
    uint64_t heard_ns, up_ns;
};
#define CONN_MAGIC 0x47525043u

void session_open(struct conn *);               /* our settings are said */

#endif

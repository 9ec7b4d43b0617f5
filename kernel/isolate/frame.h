/* frame: what passes between the sidecar and an isolated component's process: a head of fixed size, then
 * values by their layouts. Nothing that arrives is believed: a frame that is no frame ends the line. [loop] */
#ifndef ISOLATE_FRAME_H
#define ISOLATE_FRAME_H

#include <net/stream.h>
#include <stdbool.h>
#include <trilby/plugin.h>
#include <trilby/verbs.h>

#define TRB_DEF <isolate/frames.def>
#include <trilby/verbs_structs.h>
#undef TRB_DEF

extern const struct trb_layout *const layout_setup, *const layout_error, *const layout_settlement;

/* On the control line. */
#define FRAME_SETUP 1u                     /* → isolate_setup */
#define FRAME_STARTED 2u                   /* ← extra: caps; verb 1: an error follows */
#define FRAME_STOP 3u                      /* → */
#define FRAME_STOPPED 4u                   /* ← */
#define FRAME_LOST 5u                      /* ← an error */
#define FRAME_READY 6u                     /* ← */
#define FRAME_PING 7u                      /* → extra comes back … */
#define FRAME_PONG 8u                      /* ← */
/* On a loop's line. */
#define FRAME_ASK 9u                       /* → id, verb, extra: time left (ns, 0: endless) or the stream's credit; a question */
#define FRAME_CANCEL 10u                   /* → id, extra: why */
#define FRAME_SETTLE 11u                   /* → id: the event's; isolate_settlement */
#define FRAME_DONE 12u                     /* ← id, verb 1: an answer follows */
#define FRAME_FAIL 13u                     /* ← id; an error */
#define FRAME_ITEM 14u                     /* ← id, extra: index, verb: bit 0 an error, bit 1 an answer follows */
#define FRAME_OPENED 15u                   /* ← id */
#define FRAME_EVENT 16u                    /* ← id, extra: the event's id; an event */
#define FRAME_KINDS 17u

#define FRAME_MOST (64u << 20)             /* bytes of one frame */

struct frame_head {
    uint32_t len;                          /* of what follows */
    uint16_t kind, verb;
    uint64_t id, extra;
};

struct frame {
    struct frame_head head;
    struct trb_slice body;
    struct trb_buf *owner;                 /* of a large body; NULL: it lies in the stream */
};

struct frame_part {
    const struct trb_layout *layout;
    const void *value;
    size_t size;
};

/* false: more than FRAME_MOST, nothing was written. */
bool frame_send(struct stream *, struct frame_head, const struct frame_part *, uint32_t count);

#define FRAME_NONE 0                       /* not there as a whole yet */
#define FRAME_WHOLE 1                      /* use it, then frame_done */
#define FRAME_BAD 2                        /* no frame of ours */
int frame_next(struct stream *, struct frame *ret_frame);
void frame_done(struct stream *, struct frame *);
/* The frame at the front of these bytes, without its owner; *ret_whole: its size, head included, also when it is not all there. */
int frame_read(struct trb_slice bytes, struct frame *ret_frame, size_t *ret_whole);

/* struct trb_error there and back. The taken one owns its buffers. false: no error. */
void frame_error(const struct trb_error *, struct trb_isolate_error *ret);
bool frame_take_error(struct trb_slice *body, struct trb_error *ret);
void frame_error_of(const struct trb_isolate_error *, struct trb_error *ret);

#endif

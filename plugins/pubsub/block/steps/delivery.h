/* delivery: what a message goes through whether it is delivered alone, in a batch or to a stream: how it is read,
 * and how it ends; and the tongues in which an application is spoken to. */
#ifndef PUBSUB_DELIVERY_H
#define PUBSUB_DELIVERY_H

#include "../pubsub_block.h"
#include "../topic_event.h"
#include <base/codec.h>

struct delivery {
    struct listener *listener;
    const struct subscription *sub;
    const struct trb_pubsub_event *event;
    struct trb_data body;             /* the event as JSON, or what a binary message has instead */
    struct json_value envelope;       /* the event as rules see it */
    struct trb_name id;               /* of the event; absent: it has none */
    struct trb_name trace_parent;     /* of the event; absent: it has none */
    struct trb_slice path;            /* as the tongue says it */
    struct runtime_topic_event_ce_request parts;   /* for those who speak gRPC */
    struct trb_pubsub_publish burial;
    struct trb_error why;
    uint64_t began_ns;
};

struct alone { /* one message, one call */
    struct delivery delivery;         /* first: the ends expect it */
    struct trb_outcall call;
};

#define MEMBER_WAITING 0u             /* for its round */
#define MEMBER_POSTED 1u
#define MEMBER_JUDGED 2u

struct member { /* one message of a batch */
    struct delivery delivery;         /* first: the ends expect it */
    struct trb_request *rq;
    struct member *next;
    char id[UUID_TEXT];
    uint32_t phase, verdict;
    bool is_final, is_heard;          /* final: no dead letter topic for it. heard: the answer speaks of it */
};

struct batch { /* in the leader's memory */
    struct listener *listener;
    struct trb_request *leader;
    struct member *first, **last;
    uint32_t count;
    uint64_t until_ns, began_ns;
    struct trb_outcall call;
    struct trb_pair headers[3];
    bool is_second_try;               /* gRPC: the older name of the method */
};

/* A tongue: what is said to the application and what its answer means. ask fills in the call; hear is where to go
 * on when the app has answered, or could not be reached. */
struct tongue {
    /* The path, and whatever else the call is made of. NULL, or the sentence of what cannot be said. */
    const char *(*read)(struct trb_request *, struct delivery *, struct trb_slice route);
    void (*ask)(struct trb_request *, struct alone *);
    trb_step *hear;
    /* A round: the members that wait and take this path; they are posted from now on. */
    void (*ask_many)(struct trb_request *, struct batch *, struct trb_slice path);
    trb_step *hear_many;
};
extern const struct tongue http_tongue, rpc_tongue;
/* The event as a message to an application or a client, after rpc_tongue has read it. */
struct runtime_topic_event_request delivery_event(struct trb_request *, const struct delivery *);

#define APP_ANSWER_MAX (64u << 20)

/* Reads the event and finds its route. false: it need not or cannot be delivered; *ret ends it. */
bool delivery_read(struct trb_request *, struct delivery *, struct trb_next *ret);
/* process, status: as the metric says it; NULL: counted elsewhere. rq->state is the delivery, or
 * begins with it. */
struct trb_next delivery_end(struct trb_request *, uint32_t verdict, const char *process, const char *status);
/* A failure with a sentence: logged, counted as retry, told to the component. */
struct trb_next delivery_fail(struct trb_request *, const char *format, ...) TRB_PRINTF(2, 3);
/* As above, after why was filled in and logged. */
void delivery_blame(struct delivery *, const struct trb_kernel *, const char *format, ...) TRB_PRINTF(3, 4);
/* What an app's or a client's word for one message comes to, by the numbers of gRPC. */
struct trb_next delivery_judge(struct trb_request *, int32_t status);
struct trb_name delivery_trace_header(const struct delivery *); /* absent: send none */

/* Rounds of a batch: the next member that waits and takes the path; NULL: none is left. */
struct member *batch_next(struct member *from, struct trb_slice path);
struct batch *batch_of(struct trb_request *leader);
struct member *batch_find(struct batch *, struct trb_slice id);   /* of this round */
void batch_retry_all(struct batch *);                             /* of this round, until the answer says else */
struct trb_next batch_over(struct trb_request *);                 /* this round; what is still RETRY is blamed */
struct trb_next batch_judge(struct trb_request *, uint32_t verdict, const char *why); /* all; DROP: for good */
struct trb_next batch_ask(struct trb_request *);                  /* sends the call as it is now */

#endif

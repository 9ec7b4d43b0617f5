/* app_ask: how an application is asked for its subscriptions, in either tongue. */
#ifndef PUBSUB_APP_ASK_H
#define PUBSUB_APP_ASK_H

#include "../pubsub_block.h"

struct asking {
    struct trb_outcall call;
    struct trb_pair headers[2];
    uint32_t failures;
};

struct question {
    void (*ask)(struct trb_request *, struct asking *);   /* fills in the call */
    trb_step *hear;                                       /* it was answered, or the app could not be reached */
};
extern const struct question http_question, rpc_question;

/* How an answer ends: */
struct trb_next app_ask_again(struct trb_request *, const char *why);         /* there was none that counts */
struct trb_next app_ask_take(struct trb_request *, struct trb_slice list);    /* as JSON */
struct trb_next app_ask_over(struct trb_request *);                           /* there are none */

#endif

/* to_http: the two halves of the HTTP tongue. */
#ifndef PUBSUB_TO_HTTP_H
#define PUBSUB_TO_HTTP_H

#include "delivery.h"

void http_ask_many(struct trb_request *, struct batch *, struct trb_slice path);
trb_step http_hear_many;

#endif

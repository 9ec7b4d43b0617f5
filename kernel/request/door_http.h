/* door_http: from an HTTP exchange to the first step, in the contract's order (http-api.md 2.2). */
#ifndef REQUEST_DOOR_HTTP_H
#define REQUEST_DOOR_HTTP_H

#include <net/http.h>
#include <request/door.h>

struct door_http;

struct door_http *door_http_create(const struct door_setup *);
struct door_http *door_http_destroy(struct door_http *);        /* when its listeners are gone; NULL is welcome */
void door_http_set_router(struct door_http *, struct router *given);    /* [any] */
void door_http_set_rules(struct door_http *, const struct door_rules *);
/* on_request of the listeners that this door serves; arg is the door. gRPC requests on the same port
 * are ordinary HTTP here. */
void door_http_on_request(void *door, struct exchange *);

#endif

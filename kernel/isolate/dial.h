/* dial: connections of a process that may open none. It asks its host, which looks whether the component's
 * options name the target, connects, and hands the connected descriptor over.
 *
 * A request is one packet: its number, the port and the host's name. So is the answer: the number and a
 * sentence, or none and a descriptor. */
#ifndef ISOLATE_DIAL_H
#define ISOLATE_DIAL_H

#include <loop/loop.h>
#include <stdbool.h>
#include <trilby/plugin.h>

struct dial_request {
    uint64_t id;
    uint32_t port, len;                    /* of host */
    char host[256];
};
struct dial_answer {
    uint64_t id;
    char why[240];                         /* "": a descriptor is with it */
};

/* The child: from now on every stream is connected by the host. [its loop] */
void dial_through(struct loop *, int fd);

/* The host's side of one process. [main loop] */
struct switchboard;
struct switchboard *switchboard_create(int fd, const struct trb_component *real, const struct trb_pairs *properties);
struct switchboard *switchboard_destroy(struct switchboard *);     /* NULL is welcome; returns NULL */

/* Does a value of the options, or a default, name that host, with this port or without any? */
bool dial_is_named(const struct trb_component *real, const struct trb_pairs *properties, struct trb_slice host, uint32_t port);

#endif

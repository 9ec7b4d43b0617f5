/* wire: the two sockets of multicast DNS on every link that carries it, loopback included. Knows
 * datagrams, not their meaning. */
#ifndef MDNS_WIRE_H
#define MDNS_WIRE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <trilby/types.h>

#define MDNS_PORT 5353u
#define WIRE_LINKS 32u

struct wire_link {
    uint32_t index;
    bool has_v4, has_v6;                   /* the group was joined there */
};

struct wire {
    int v4, v6;                            /* sockets; -1: that family is not there */
    struct wire_link links[WIRE_LINKS];
    uint32_t link_count;
};

struct wire_source {
    struct sockaddr_in6 from;              /* large enough for both families */
    socklen_t from_len;
    uint32_t link;
    uint16_t port;
    int fd;
};

/* 0, or *err says why there is no multicast DNS. Needs at least one family. */
trb_code wire_open(struct wire *, struct trb_error *err);
void wire_close(struct wire *);
/* Links come and go: joins the group where it is not joined yet. */
void wire_look(struct wire *);
/* To everybody on every link. */
void wire_send(const struct wire *, struct trb_slice message);
/* To everybody on the link it came from, or to the asker alone. */
void wire_answer(const struct wire *, const struct wire_source *, bool alone, struct trb_slice message);
/* false: nothing more for now. */
bool wire_receive(int fd, char *room, size_t size, struct wire_source *ret_source, struct trb_slice *ret_message);

#endif

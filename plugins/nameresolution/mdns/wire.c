/* wire: joining, sending and receiving on each link by its number. */
#include "wire.h"
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <trilby/inline.h>
#include <unistd.h>

union any_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* ------------------------------------------------------------------------------------- opening */
static void switch_on(int fd, int level, int option, int value)
{
    (void)setsockopt(fd, level, option, &value, sizeof value);
}

/* Many processes share the port: each must allow it. */
static int open_socket(int family, const union any_address *address, socklen_t len)
{
    int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    switch_on(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (family == AF_INET6)
        switch_on(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (!bind(fd, &address->any, len))
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static int open_v4(void)
{
    union any_address a = {.v4 = {.sin_family = AF_INET, .sin_port = htons(MDNS_PORT)}};
    int fd = open_socket(AF_INET, &a, sizeof a.v4);
    if (fd < 0)
        return -1;
    switch_on(fd, IPPROTO_IP, IP_PKTINFO, 1);
    switch_on(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
    switch_on(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 1);
    switch_on(fd, IPPROTO_IP, IP_MULTICAST_TTL, 255);
    return fd;
}

static int open_v6(void)
{
    union any_address a = {.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(MDNS_PORT)}};
    int fd = open_socket(AF_INET6, &a, sizeof a.v6);
    if (fd < 0)
        return -1;
    switch_on(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
    switch_on(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
    switch_on(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1);
    switch_on(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 255);
    return fd;
}

trb_code wire_open(struct wire *w, struct trb_error *err)
{
    w->link_count = 0;
    w->v4 = open_v4();
    int why = errno;
    w->v6 = open_v6();
    if (w->v4 < 0 && w->v6 < 0)
        return trb_error(err, TRB_UNAVAILABLE, "MDNS_PORT",
                         "UDP port 5353 cannot be shared: %s; end the program that holds it, or choose another name "
                         "resolution in the Configuration", strerror(why));
    wire_look(w);
    return TRB_OK;
}

void wire_close(struct wire *w)
{
    if (w->v4 >= 0)
        close(w->v4);
    if (w->v6 >= 0)
        close(w->v6);
    w->v4 = w->v6 = -1;
}

/* --------------------------------------------------------------------------------------- links */
static bool join_v4(int fd, uint32_t link)
{
    struct ip_mreqn group = {.imr_ifindex = (int)link};
    inet_pton(AF_INET, "224.0.0.251", &group.imr_multiaddr);
    return fd >= 0 && (!setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) || errno == EADDRINUSE);
}

static bool join_v6(int fd, uint32_t link)
{
    struct ipv6_mreq group = {.ipv6mr_interface = link};
    inet_pton(AF_INET6, "ff02::fb", &group.ipv6mr_multiaddr);
    return fd >= 0 && (!setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &group, sizeof group) || errno == EADDRINUSE);
}

static bool is_listed(const struct wire *w, uint32_t index)
{
    for (uint32_t i = 0; i < w->link_count; i++)
        if (w->links[i].index == index)
            return true;
    return false;
}

static void add_link(struct wire *w, uint32_t index)
{
    if (!index || is_listed(w, index) || w->link_count == WIRE_LINKS)
        return;
    struct wire_link link = {index, join_v4(w->v4, index), join_v6(w->v6, index)};
    if (link.has_v4 || link.has_v6)
        w->links[w->link_count++] = link;
}

void wire_look(struct wire *w)
{
    struct ifaddrs *all;
    w->link_count = 0;
    if (getifaddrs(&all))
        return;
    for (struct ifaddrs *one = all; one; one = one->ifa_next)
        if (one->ifa_flags & IFF_UP && one->ifa_flags & (IFF_MULTICAST | IFF_LOOPBACK))
            add_link(w, if_nametoindex(one->ifa_name));
    freeifaddrs(all);
}

/* ------------------------------------------------------------------------------------- sending */
union control {
    struct cmsghdr align;
    char v4[CMSG_SPACE(sizeof(struct in_pktinfo))];
    char v6[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static void say_link(struct msghdr *m, union control *c, bool v6, uint32_t link)
{
    struct in_pktinfo four = {.ipi_ifindex = (int)link};
    struct in6_pktinfo six = {.ipi6_ifindex = link};
    size_t len = v6 ? sizeof six : sizeof four;
    memset(c, 0, sizeof *c);
    m->msg_control = c;
    m->msg_controllen = CMSG_SPACE(len);
    struct cmsghdr *h = CMSG_FIRSTHDR(m);
    h->cmsg_level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
    h->cmsg_type = v6 ? IPV6_PKTINFO : IP_PKTINFO;
    h->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(h), v6 ? (void *)&six : (void *)&four, len);
}

/* A datagram that cannot leave is lost, as any may be: the next browse asks again. */
static void send_on(int fd, bool v6, uint32_t link, struct trb_slice message)
{
    union any_address to = {0};
    union control control;
    struct iovec piece = {(void *)(uintptr_t)message.at, message.len};
    struct msghdr m = {.msg_name = &to, .msg_iov = &piece, .msg_iovlen = 1};
    if (v6) {
        to.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(MDNS_PORT), .sin6_scope_id = link};
        inet_pton(AF_INET6, "ff02::fb", &to.v6.sin6_addr);
        m.msg_namelen = sizeof to.v6;
    } else {
        to.v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(MDNS_PORT)};
        inet_pton(AF_INET, "224.0.0.251", &to.v4.sin_addr);
        m.msg_namelen = sizeof to.v4;
    }
    say_link(&m, &control, v6, link);
    (void)sendmsg(fd, &m, MSG_NOSIGNAL);
}

void wire_send(const struct wire *w, struct trb_slice message)
{
    for (uint32_t i = 0; i < w->link_count; i++) {
        if (w->links[i].has_v4)
            send_on(w->v4, false, w->links[i].index, message);
        if (w->links[i].has_v6)
            send_on(w->v6, true, w->links[i].index, message);
    }
}

void wire_answer(const struct wire *w, const struct wire_source *s, bool alone, struct trb_slice message)
{
    if (alone)
        (void)sendto(s->fd, message.at, message.len, MSG_NOSIGNAL, (const struct sockaddr *)(const void *)&s->from,
                     s->from_len);
    else
        send_on(s->fd, s->fd == w->v6, s->link, message);
}

/* ----------------------------------------------------------------------------------- receiving */
static uint32_t link_of(struct msghdr *m)
{
    struct in_pktinfo four;
    struct in6_pktinfo six;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
        if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO) {
            memcpy(&four, CMSG_DATA(h), sizeof four);
            return (uint32_t)four.ipi_ifindex;
        }
        if (h->cmsg_level == IPPROTO_IPV6 && h->cmsg_type == IPV6_PKTINFO) {
            memcpy(&six, CMSG_DATA(h), sizeof six);
            return six.ipi6_ifindex;
        }
    }
    return 0;
}

bool wire_receive(int fd, char *room, size_t size, struct wire_source *ret_source, struct trb_slice *ret_message)
{
    union control control[2];
    struct iovec piece = {room, size};
    struct msghdr m = {.msg_name = &ret_source->from, .msg_namelen = sizeof ret_source->from, .msg_iov = &piece,
                       .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t got;
    do
        got = recvmsg(fd, &m, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return false;
    ret_source->fd = fd;
    ret_source->from_len = m.msg_namelen;
    ret_source->link = link_of(&m);
    ret_source->port = ntohs(ret_source->from.sin6_port);      /* at the same place in both families */
    *ret_message = (struct trb_slice){room, m.msg_flags & MSG_TRUNC ? 0 : (size_t)got};
    return true;
}

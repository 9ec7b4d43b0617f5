/* ports.c: ports are proved free by binding them.
 * Not a reservation: between release and the sidecar's bind another program may be faster. */
#include "cli/ports.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOWEST 10100
#define HIGHEST 32000
#define TRIES 64

static int bound(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    /* A port whose last connections are still cooling down is free for a listener. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    /* Only listening makes a second taker fail when both allow reuse. */
    if (bind(fd, (struct sockaddr *)&any, sizeof any) || listen(fd, 1)) {
        close(fd);
        return -1;
    }
    return fd;
}

bool ports_hold(struct ports *p, int port)
{
    assert(p->count < PORTS_MAX);
    int fd = bound(port);
    if (fd >= 0)
        p->held[p->count++] = fd;
    return fd >= 0;
}

/* Below what the system gives to outgoing connections, so that none of them takes the port before the sidecar. */
static int choose_quiet(struct ports *p)
{
    for (int tries = 0; tries < TRIES; tries++) {
        uint16_t dice;
        if (getrandom(&dice, sizeof dice, 0) != sizeof dice)
            return 0;
        int port = LOWEST + dice % (HIGHEST - LOWEST);
        if (ports_hold(p, port))
            return port;
    }
    return 0;
}

int ports_choose(struct ports *p)
{
    struct sockaddr_in own = {0};
    int port = choose_quiet(p);
    if (port)
        return port;
    socklen_t size = sizeof own;
    if (!ports_hold(p, 0) || getsockname(p->held[p->count - 1], (struct sockaddr *)&own, &size))
        return 0;
    return ntohs(own.sin_port);
}

void ports_release(struct ports *p)
{
    while (p->count)
        close(p->held[--p->count]);
}

bool port_is_answering(const char *address, int port)
{
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, address, &peer.sin_addr) != 1)
        return false;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    int failed = connect(fd, (struct sockaddr *)&peer, sizeof peer);
    if (failed) {
        socklen_t size = sizeof failed;
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        if (poll(&wait, 1, 500) == 1)
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size);
    }
    close(fd);
    return !failed;
}

/* socket: see socket.h. What accepted connections need (no delay, keep-alive) is set on the
 * listening socket: they inherit it, which saves three system calls each. */
#include <net/socket.h>

#include <arpa/inet.h>
#include <base/error.h>
#include <base/slice.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096

static void set(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

static void set_usual(int fd)
{
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 15);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 15);
}

const char *socket_fault(int number)
{
    switch (number) {
    case ECONNREFUSED: return "connection refused";
    case ECONNRESET: return "connection reset by peer";
    case EADDRINUSE: return "address already in use";
    case EADDRNOTAVAIL: return "cannot assign requested address";
    case EPIPE: return "broken pipe";
    case ENOENT: return "no such file or directory";
    case EACCES: return "permission denied";
    case EHOSTUNREACH: return "no route to host";
    case ENETUNREACH: return "network is unreachable";
    case ETIMEDOUT: return "connection timed out";
    case EMFILE: return "too many open files";
    default: return strerrordesc_np(number) ? strerrordesc_np(number) : "unknown fault";
    }
}

size_t socket_text(const struct sockaddr *sa, socklen_t len, char ret_text[SOCKET_TEXT])
{
    char host[INET6_ADDRSTRLEN] = "";
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)sa;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        return (size_t)snprintf(ret_text, SOCKET_TEXT, "%s:%u", host, ntohs(in->sin_port));
    }
    if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const void *)sa;
        bool is_four = IN6_IS_ADDR_V4MAPPED(&in->sin6_addr);
        const void *from = is_four ? in->sin6_addr.s6_addr + 12 : in->sin6_addr.s6_addr;
        inet_ntop(is_four ? AF_INET : AF_INET6, from, host, sizeof host);
        return (size_t)snprintf(ret_text, SOCKET_TEXT, is_four ? "%s:%u" : "[%s]:%u", host,
                                ntohs(in->sin6_port));
    }
    const struct sockaddr_un *un = (const void *)sa;
    bool has_path = sa->sa_family == AF_UNIX && len > offsetof(struct sockaddr_un, sun_path) &&
                    un->sun_path[0];
    return (size_t)snprintf(ret_text, SOCKET_TEXT, "%s", has_path ? un->sun_path : "unix");
}

size_t socket_peer_text(int fd, char ret_text[SOCKET_TEXT])
{
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof sa;
    if (getpeername(fd, (void *)&sa, &len))
        return (size_t)snprintf(ret_text, SOCKET_TEXT, "gone");
    return socket_text((void *)&sa, len, ret_text);
}

size_t socket_local_text(int fd, char ret_text[SOCKET_TEXT])
{
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof sa;
    if (getsockname(fd, (void *)&sa, &len))
        sa.ss_family = AF_UNIX;
    return socket_text((void *)&sa, len, ret_text);
}

uint16_t socket_port(int fd)
{
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof sa;
    if (getsockname(fd, (void *)&sa, &len))
        return 0;
    if (sa.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)(void *)&sa)->sin_port);
    return sa.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)(void *)&sa)->sin6_port) : 0;
}

/* One address. On failure errno tells why, *ret_step where. */
static int listen_on(const struct sockaddr *sa, socklen_t len, const char **ret_step)
{
    int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    *ret_step = "socket";
    if (fd < 0)
        return -1;
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (sa->sa_family != AF_UNIX)
        set_usual(fd);
    if (sa->sa_family == AF_INET6)
        set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    *ret_step = "bind";
    int failed = bind(fd, sa, len);
    if (!failed) {
        *ret_step = "listen";
        failed = listen(fd, BACKLOG);
    }
    if (!failed)
        return fd;
    int number = errno;
    close(fd);
    errno = number;
    return -1;
}

/* A socket file that nobody listens on any more is in the way of its successor. */
static void remove_stale(const struct sockaddr_un *un, socklen_t len)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const void *)un, len) && errno == ECONNREFUSED)
        unlink(un->sun_path);
    if (fd >= 0)
        close(fd);
}

static trb_code listen_unix(struct trb_slice path, int *ret_fd, struct trb_error *err)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    if (!path.len || path.len >= sizeof un.sun_path)
        return error_set(err, TRB_INVALID, "ADDRESS", "listen unix %.*s: bind: invalid argument",
                         SLICE_ARG(path));
    memcpy(un.sun_path, path.at, path.len);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path.len + 1);
    remove_stale(&un, len);
    const char *step;
    mode_t old = umask(0177);
    int fd = listen_on((void *)&un, len, &step);
    int number = errno;
    umask(old);
    if (fd < 0)
        return error_set(err, TRB_UNAVAILABLE, "LISTEN", "listen unix %.*s: %s: %s", SLICE_ARG(path),
                         step, socket_fault(number));
    *ret_fd = fd;
    return TRB_OK;
}

static trb_code listen_host(const char *host, uint16_t port, int *ret_fd, struct trb_error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *all = NULL;
    char service[8];
    snprintf(service, sizeof service, "%u", port);
    int failed = getaddrinfo(host, service, &hints, &all);
    if (failed)
        return error_set(err, TRB_INVALID, "ADDRESS", "listen tcp: lookup %s: %s", host,
                         gai_strerror(failed));
    const char *step = "bind";
    char text[SOCKET_TEXT] = "";
    int fd = -1, number = 0;
    for (struct addrinfo *a = all; a && fd < 0; a = a->ai_next) {
        fd = listen_on(a->ai_addr, a->ai_addrlen, &step);
        number = errno;
        socket_text(a->ai_addr, a->ai_addrlen, text);
    }
    freeaddrinfo(all);
    if (fd < 0)
        return error_set(err, TRB_UNAVAILABLE, "LISTEN", "listen tcp %s: %s: %s", text, step,
                         socket_fault(number));
    *ret_fd = fd;
    return TRB_OK;
}

static trb_code listen_all(uint16_t port, int *ret_fd, struct trb_error *err)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    const char *step;
    int fd = listen_on((void *)&six, sizeof six, &step);
    if (fd < 0 && errno != EADDRINUSE)
        fd = listen_on((void *)&four, sizeof four, &step);
    if (fd < 0)
        return error_set(err, TRB_UNAVAILABLE, "LISTEN", "listen tcp :%u: %s: %s", port, step,
                         socket_fault(errno));
    *ret_fd = fd;
    return TRB_OK;
}

trb_code socket_listen(struct trb_slice address, uint16_t port, int *ret_fd, struct trb_error *err)
{
    if (slice_starts(address, SLICE("unix:")))
        return listen_unix(slice_skip(address, 5), ret_fd, err);
    if (!address.len)
        return listen_all(port, ret_fd, err);
    if (address.at[0] == '[' && address.at[address.len - 1] == ']')
        address = slice_from(address.at + 1, address.len - 2);
    char host[256];
    if (address.len >= sizeof host)
        return error_set(err, TRB_INVALID, "ADDRESS", "listen tcp: the address is too long");
    memcpy(host, address.at, address.len);
    host[address.len] = 0;
    return listen_host(host, port, ret_fd, err);
}

int socket_connect(const struct sockaddr *sa, socklen_t len, int *ret_fd)
{
    int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    if (sa->sa_family != AF_UNIX)
        set_usual(fd);
    int number = connect(fd, sa, len) ? errno : 0;
    if (number && number != EINPROGRESS) {
        close(fd);
        return number;
    }
    *ret_fd = fd;
    return number;
}

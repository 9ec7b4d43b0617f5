/* host_address: the address by which others reach this machine, and the port for peers that a process
 * of the same app in the same folder finds again (http-api.md 1.1, 1.2). */
#include <arpa/inet.h>
#include <base/codec.h>
#include <base/log.h>
#include <base/slice.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <runtime/inside.h>
#include <sys/socket.h>
#include <unistd.h>

/* Connecting a datagram socket sends nothing; it asks the routing table which address we would use. */
static bool ask_routes(const struct sockaddr *to, socklen_t len, char ret_text[INET6_ADDRSTRLEN])
{
    struct sockaddr_storage own = {0};
    socklen_t own_len = sizeof own;
    int fd = socket(to->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool found = fd >= 0 && !connect(fd, to, len) && !getsockname(fd, (struct sockaddr *)&own, &own_len);
    if (fd >= 0)
        close(fd);
    if (!found)
        return false;
    const void *at = own.ss_family == AF_INET ? (const void *)&((struct sockaddr_in *)&own)->sin_addr
                                              : (const void *)&((struct sockaddr_in6 *)&own)->sin6_addr;
    return inet_ntop(own.ss_family, at, ret_text, INET6_ADDRSTRLEN) != NULL;
}

static bool ask_four(char ret_text[INET6_ADDRSTRLEN])
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(80)};
    inet_pton(AF_INET, "192.0.2.1", &to.sin_addr);
    return ask_routes((struct sockaddr *)&to, sizeof to, ret_text);
}

static bool ask_six(char ret_text[INET6_ADDRSTRLEN])
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
    inet_pton(AF_INET6, "2001:db8::1", &to.sin6_addr);
    return ask_routes((struct sockaddr *)&to, sizeof to, ret_text);
}

/* Public IPv4, then global IPv6, private IPv4, unique-local IPv6, link-local; 0: not at all. */
static int rank_of(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET) {
        uint32_t a = ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr);
        bool is_private = a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 || a >> 22 == 0x191;
        return a >> 24 == 127 ? 0 : a >> 16 == 0xa9fe ? 1 : is_private ? 3 : 5;
    }
    if (sa->sa_family != AF_INET6)
        return 0;
    const struct in6_addr *a = &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
    if (IN6_IS_ADDR_LOOPBACK(a))
        return 0;
    return IN6_IS_ADDR_LINKLOCAL(a) ? 1 : (a->s6_addr[0] & 0xfe) == 0xfc ? 2 : 4;
}

static bool look_at_interfaces(char ret_text[INET6_ADDRSTRLEN])
{
    struct ifaddrs *all = NULL;
    int best = 0;
    if (getifaddrs(&all))
        return false;
    for (struct ifaddrs *i = all; i; i = i->ifa_next) {
        int rank = i->ifa_addr && (i->ifa_flags & IFF_UP) ? rank_of(i->ifa_addr) : 0;
        if (rank <= best)
            continue;
        const void *at = i->ifa_addr->sa_family == AF_INET
                             ? (const void *)&((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr
                             : (const void *)&((struct sockaddr_in6 *)(void *)i->ifa_addr)->sin6_addr;
        if (inet_ntop(i->ifa_addr->sa_family, at, ret_text, INET6_ADDRSTRLEN))
            best = rank;
    }
    freeifaddrs(all);
    return best > 0;
}

static bool is_loopback(struct trb_slice address)
{
    return slice_is(address, SLICE("127.0.0.1")) || slice_is(address, SLICE("localhost")) ||
           slice_is(address, SLICE("[::1]"));
}

void host_address_find(struct runtime *rt)
{
    char text[INET6_ADDRSTRLEN];
    struct trb_slice internal = slice_name(rt->setup.flags->internal_address);
    if (is_loopback(internal))
        rt->info.host_address = arena_name(rt->keep, internal);
    else if (rt->environment.host_ip.len)
        rt->info.host_address = rt->environment.host_ip;
    else if (ask_four(text) || ask_six(text) || look_at_interfaces(text))
        rt->info.host_address = arena_name(rt->keep, slice_of(text));
    else {
        log_warn(SCOPE, "this machine has no network address: 127.0.0.1 is advertised, which others cannot reach; "
                        "DAPR_HOST_IP names another");
        rt->info.host_address = arena_name(rt->keep, SLICE("127.0.0.1"));
    }
}

#define STABLE_FIRST 47300u

uint16_t stable_port(const struct flags *f)
{
    char folder[PATH_MAX] = "", host[256] = "";
    struct text key = {0};
    uint8_t hash[32];
    if (!getcwd(folder, sizeof folder))
        folder[0] = 0;
    gethostname(host, sizeof host - 1);
    text_addf(&key, "%s|%s|%u|%s", f->app_id.at, folder, (unsigned)getuid(), host);
    sha256(text_slice(&key), hash);
    text_fini(&key);
    return (uint16_t)(STABLE_FIRST + (uint32_t)(hash[0] | hash[1] << 8) % (65535u - STABLE_FIRST));
}

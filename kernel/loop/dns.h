/* dns: getaddrinfo on workers, answers cached for a short life (5 s; failures 1 s). */
#ifndef LOOP_DNS_H
#define LOOP_DNS_H

#include <loop/loop.h>
#include <loop/workers.h>
#include <sys/socket.h>

struct dns_address {
    struct sockaddr_storage addr;
    socklen_t len;
};

struct dns_answer {
    uint32_t count;
    struct dns_address at[16];
};

struct dns_query;

void dns_start(struct workers *);                          /* once */
void dns_stop(void);

/* Calls done on the asking loop, never before dns_resolve has returned. A literal address or a
 * "unix:/path" needs no worker. err is NULL on success. [loop] */
struct dns_query *dns_resolve(struct loop *, struct trb_slice host, uint16_t port,
                              void (*done)(void *arg, const struct dns_answer *, const struct trb_error *),
                              void *arg);
void dns_cancel(struct dns_query *);                       /* done will not be called */

#endif

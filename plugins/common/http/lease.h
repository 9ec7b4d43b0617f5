/* lease: a credential that ends: fetched when first needed, kept, fetched anew before it ends, and shared
 * by all calls of an instance. A lease is a signer of http.h: calls wait for it while it is fetched.
 *
 * The owner says how to fetch (it ends in lease_got or lease_failed) and how a call uses the secret. A
 * fetch that fails is told to those who wait; the next call tries again. [loop] */
#ifndef HTTP_LEASE_H
#define HTTP_LEASE_H

#include <http/http.h>

struct lease_setup {
    const struct trb_host *host;
    void *arg;
    void (*fetch)(void *arg);                                   /* one at a time */
    /* Adds headers to a call; NULL: "Authorization: Bearer <secret>". */
    trb_code (*use)(void *arg, struct http_call *, struct trb_slice secret, struct trb_error *err);
};

struct lease {
    struct http_signer signer;                                  /* to put into requests */
    struct lease_setup setup;
    char *secret;
    size_t secret_len;
    uint64_t renew_ns, end_ns;                                  /* monotonic; end 0: never ends */
    bool is_fetching;
    struct http_call **waiting;
    size_t waiting_count, waiting_room;
};

void lease_init(struct lease *, const struct lease_setup *);
void lease_fini(struct lease *);                                /* after http_destroy; wipes */
void lease_got(struct lease *, struct trb_slice secret, int64_t lifetime_ns);   /* copied; 0: never ends */
void lease_failed(struct lease *, const struct trb_error *err);
void lease_drop(struct lease *);                                /* what we have is no good any more */

#endif

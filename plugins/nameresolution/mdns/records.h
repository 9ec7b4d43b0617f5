/* records: what a sidecar says about itself, and the messages it says it in. Pure. resources.md 5.2,
 * components.md 6.12 */
#ifndef MDNS_RECORDS_H
#define MDNS_RECORDS_H

#include "dns.h"

struct identity {                          /* of one sidecar */
    char app_id[64];
    struct dns_name service;               /* <app id>.local */
    struct dns_name instance;              /* <host>:<pid>.<app id>.local */
    struct dns_name host;                  /* <host>.local */
    uint16_t port;
    uint8_t address[16];
    uint32_t address_len;                  /* 4 or 16 */
};

/* NULL, or the sentence why this cannot be said in DNS. address: a literal, v4 or v6. */
const char *identity_make(struct trb_slice app_id, const char *host, uint32_t pid, const char *address, uint16_t port,
                          struct identity *ret);

struct trb_slice record_probe(const struct identity *, uint16_t id, struct dns_writer *);
struct trb_slice record_announcement(const struct identity *, struct dns_writer *);
struct trb_slice record_goodbye(const struct identity *, struct dns_writer *);
struct trb_slice record_query(const struct dns_name *service, uint16_t id, struct dns_writer *);
/* The answer to a query, absent when it asks nothing of us. *ret_unicast: the asker wants it alone. */
struct trb_slice record_answer(const struct identity *, struct trb_slice query, struct dns_writer *, bool *ret_unicast);

/* What a response says about one instance. */
struct sighting {
    struct dns_name instance;
    uint16_t port;
    bool is_gone;                          /* a goodbye */
    uint8_t v4[4], v6[16];
    bool has_v4, has_v6;
};
#define SIGHTINGS 64u

/* Instances of that service in a response; anything malformed: none. */
uint32_t record_sightings(struct trb_slice response, struct trb_slice app_id, const struct dns_name *service,
                          struct sighting ret[SIGHTINGS]);

#endif

/* dns: messages of RFC 1035 as multicast DNS uses them: strict and bounded reading, writing with name
 * compression. Pure; names are kept in wire form without pointers. */
#ifndef MDNS_DNS_H
#define MDNS_DNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <trilby/types.h>

#define DNS_NAME 255u                      /* bytes of a name, its last zero included */
#define DNS_MESSAGE 9000u                  /* what we read or write at most */
#define DNS_RECORDS 256u                   /* of one message; more are malformed */

#define DNS_A 1u
#define DNS_PTR 12u
#define DNS_TXT 16u
#define DNS_AAAA 28u
#define DNS_SRV 33u
#define DNS_IN 1u
#define DNS_TOP_BIT 0x8000u                /* of a class: unicast answer wanted, or cache flush */

#define DNS_RESPONSE 0x8000u
#define DNS_AUTHORITATIVE 0x0400u

struct dns_name {
    uint8_t len;                           /* bytes used; 1: the root */
    uint8_t at[DNS_NAME];
};

/* "a.b.local": labels between dots, a dot at the end welcome. false: a label is empty or over 63 bytes. */
bool dns_name_from(struct trb_slice text, struct dns_name *ret);
bool dns_name_is(const struct dns_name *, const struct dns_name *);    /* letter case counts */
bool dns_name_ends(const struct dns_name *, const struct dns_name *with);  /* at a label's border */

/* ------------------------------------------------------------------------------------- reading */
struct dns_header {
    uint16_t id, flags, questions, answers, authorities, additionals;
};
struct dns_question {
    struct dns_name name;
    uint16_t type, class_;
};
struct dns_record {
    struct dns_name name;
    uint16_t type, class_;
    uint32_t ttl;
    struct trb_slice data;                 /* as it stands, names in it perhaps with pointers */
    size_t data_at;                        /* its offset in the message */
};
struct dns_reader {
    struct trb_slice message;
    size_t at;
};

/* Any false: the message is malformed; nothing after it is to be believed. */
bool dns_read(struct trb_slice message, struct dns_reader *ret, struct dns_header *ret_header);
bool dns_read_question(struct dns_reader *, struct dns_question *ret);
bool dns_read_record(struct dns_reader *, struct dns_record *ret);
bool dns_read_name_at(struct trb_slice message, size_t at, struct dns_name *ret, size_t *ret_next);
bool dns_record_ptr(struct trb_slice message, const struct dns_record *, struct dns_name *ret);
bool dns_record_srv(struct trb_slice message, const struct dns_record *, uint16_t *ret_port, struct dns_name *ret);
/* Is it exactly these strings, each equal to text? At least one. */
bool dns_record_txt_is(const struct dns_record *, struct trb_slice text);

/* ------------------------------------------------------------------------------------- writing */
struct dns_writer {
    uint8_t at[DNS_MESSAGE];
    size_t len;
    bool compresses, is_full;
    uint16_t counts[4];                    /* questions, answers, authorities, additionals */
    uint16_t known[64];                    /* where names begin that may be pointed at */
    uint32_t known_count;
};
#define DNS_QUESTION 0u
#define DNS_ANSWER 1u
#define DNS_AUTHORITY 2u
#define DNS_ADDITIONAL 3u

void dns_write(struct dns_writer *, uint16_t id, uint16_t flags, bool compresses);
void dns_write_question(struct dns_writer *, const struct dns_name *, uint16_t type, uint16_t class_);
void dns_write_ptr(struct dns_writer *, uint32_t section, const struct dns_name *, uint16_t class_, uint32_t ttl,
                   const struct dns_name *to);
void dns_write_srv(struct dns_writer *, uint32_t section, const struct dns_name *, uint16_t class_, uint32_t ttl,
                   uint16_t port, const struct dns_name *host);
void dns_write_txt(struct dns_writer *, uint32_t section, const struct dns_name *, uint16_t class_, uint32_t ttl,
                   struct trb_slice text);
/* bytes: 4 make an A, 16 an AAAA. */
void dns_write_address(struct dns_writer *, uint32_t section, const struct dns_name *, uint16_t class_, uint32_t ttl,
                       struct trb_slice bytes);
/* The whole message; absent: it did not fit. */
struct trb_slice dns_finish(struct dns_writer *);

#endif

/* proxy_scan: one direction of a proxied call. Its bytes are looked at only where a message begins.
 *
 * What came unpacked goes on as it came. A packed message is gathered and goes on unpacked, because
 * compression ends at every hop. Facts: grpc-api.md 1.2, 1.3. No sockets. [any] */
#ifndef CHANNEL_PROXY_SCAN_H
#define CHANNEL_PROXY_SCAN_H

#include <net/grpc.h>
#include <stdbool.h>
#include <stdint.h>

struct proxy_scan {
    uint64_t max;                   /* bytes of one message, packed or not; 0: no limit */
    struct trb_slice encoding;      /* the stream's grpc-encoding */
    bool is_answer;                 /* some sentences differ */
    bool is_gzip, is_packed;        /* packed: the message under way is */
    uint64_t left;                  /* bytes still to come of one that is not */
    char prefix[GRPC_PREFIX];       /* a prefix that came in parts */
    uint32_t have;
    struct grpc_reader reader;      /* of a packed message */
    struct trb_buf *unpacked;       /* what was given out last */
};

void proxy_scan_init(struct proxy_scan *, uint64_t max, struct trb_slice encoding, bool is_answer);
void proxy_scan_fini(struct proxy_scan *);

/* Takes from the front of *piece and moves it on. What may pass now is *ret_pass: a part of piece, or
 * bytes of the scan's own that are good until the next call; len 0: nothing yet. A message that may not
 * pass is an error before its first byte does. */
trb_code proxy_scan_take(struct proxy_scan *, struct trb_data *piece, struct trb_data *ret_pass,
                         struct trb_error *err);
bool proxy_scan_is_whole(const struct proxy_scan *);    /* no message is under way */

#endif

/* status: what the status of a component's process becomes. Pure, but for the buffer of a long text. */
#ifndef PLUGGABLE_STATUS_H
#define PLUGGABLE_STATUS_H

#include <base/text.h>
#include <stdbool.h>
#include <trilby/types.h>

#define STATUS_PLAIN 0u
#define STATUS_ETAG_MISMATCH 1u
#define STATUS_ETAG_INVALID 2u
#define STATUS_ROWS 3u                          /* a bulk has removed another number of rows than it was to */
#define STATUS_STRUCTURED 4u                    /* an error that is made for the API's caller */

struct status {
    uint32_t is;
    struct trb_slice text;                      /* of an etag: the violation's words. Else the status's own */
    struct trb_slice tag, reason, domain;       /* structured */
    uint64_t http_code;
    int64_t expected, affected;                 /* rows */
};

/* details: a google.rpc.Status as it came beside the status, or empty. */
void status_read(trb_code code, struct trb_slice text, struct trb_slice details, struct status *ret);
/* The google.rpc.Status of a structured one, as the API's caller gets it: without the metadata of its ErrorInfo. */
void status_write(trb_code code, const struct status *, struct text *to);

#endif

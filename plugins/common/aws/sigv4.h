/* sigv4: Amazon's Signature Version 4: in headers of a request, or in a URL that others may use for a while. [any] */
#ifndef AWS_SIGV4_H
#define AWS_SIGV4_H

#include <base/text.h>
#include <trilby/types.h>

#define SIGV4_HASH 65                   /* room for a hash in hex */
#define SIGV4_UNSIGNED "UNSIGNED-PAYLOAD"

struct sigv4_keys {
    struct trb_slice id, secret, token; /* token: of temporary keys, else absent */
};

struct sigv4_request {
    const char *method, *url;           /* escaped as it is sent */
    struct trb_pairs headers;           /* all of them are signed; Host is taken from the URL */
    const char *payload_hash;           /* hex, or SIGV4_UNSIGNED */
    const char *region, *service;
    int64_t now_s;
};

void sigv4_hash(struct trb_slice payload, char ret_hex[SIGV4_HASH]);
size_t sigv4_date(int64_t now_s, char ret_text[17]);    /* 20150830T123600Z, for X-Amz-Date */
/* The value of Authorization. X-Amz-Date, and X-Amz-Security-Token where there is one, are among the headers. */
void sigv4_sign(const struct sigv4_keys *, const struct sigv4_request *, struct text *ret_authorization);
/* The URL with the signature in its query. Of headers only Host is signed. */
void sigv4_presign(const struct sigv4_keys *, const struct sigv4_request *, uint64_t valid_s, struct text *ret_url);

#endif

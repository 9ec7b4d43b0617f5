/* oauth: tokens for a lease: a form posted to a token endpoint, a signed assertion, and what comes back. [loop] */
#ifndef OAUTH_OAUTH_H
#define OAUTH_OAUTH_H

#include <base/text.h>
#include <http/lease.h>

struct oauth {                          /* where the token goes, and who is named in errors */
    struct lease *lease;
    struct http *http;
    const char *who;                    /* "azure" */
};

void oauth_add(struct text *form, const char *name, struct trb_slice value);    /* name=value, escaped, with & before */
/* Posts the form, which is taken over and wiped; ends in lease_got or lease_failed. */
void oauth_post(const struct oauth *, const char *url, struct text *form);
/* Asks for a token, ends likewise. no_proxy: an endpoint of this machine. */
void oauth_get(const struct oauth *, const char *url, const struct trb_pairs *headers, int64_t timeout_ns);

/* A key that signs assertions (RS256), and its certificate's thumbprint where there is one. */
struct oauth_key;
/* PEM of a key, perhaps with a certificate; else PKCS#12, plain or in base64. NULL: err. */
struct oauth_key *oauth_key_create(const char *who, struct trb_slice bytes, const char *password, struct trb_error *err);
struct oauth_key *oauth_key_destroy(struct oauth_key *);
bool oauth_key_thumbprint(const struct oauth_key *, struct text *ret);          /* x5t; false: there is no certificate */
/* Both are JSON objects. */
bool oauth_assert(const struct oauth_key *, struct trb_slice header, struct trb_slice claims, struct text *ret);

#endif

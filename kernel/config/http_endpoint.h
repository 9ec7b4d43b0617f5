/* http_endpoint: an HTTPEndpoint, a name for a base URL with headers and TLS material. Its values may
 * be secrets: resource_resolve fills them in. */
#ifndef CONFIG_HTTP_ENDPOINT_H
#define CONFIG_HTTP_ENDPOINT_H

#include <config/resource.h>

#define ENDPOINT_RENEGOTIATE_NEVER 0u
#define ENDPOINT_RENEGOTIATE_ONCE 1u
#define ENDPOINT_RENEGOTIATE_FREELY 2u

struct http_endpoint {
    struct resource head;                              /* properties: headers, then TLS material */
    struct trb_name base_url;
    struct property *headers;
    uint32_t header_count;
    struct property *root_ca, *certificate, *private_key;   /* NULL: not said */
    uint32_t renegotiation;
};

static inline struct http_endpoint *http_endpoint_of(struct resource *r)
{
    return r && r->kind == RESOURCE_HTTP_ENDPOINT ? (struct http_endpoint *)(void *)r : NULL;
}

#endif

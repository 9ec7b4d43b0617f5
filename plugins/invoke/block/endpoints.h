/* endpoints: the HTTPEndpoint resources by name, ready to be called. Read by every loop, replaced when
 * the resources change. */
#ifndef INVOKE_ENDPOINTS_H
#define INVOKE_ENDPOINTS_H

#include <stdbool.h>
#include <trilby/block.h>

struct endpoint {                          /* as a request sees it: texts in its own memory */
    struct trb_name base_url;
    struct trb_pairs headers;
    const void *tls;                       /* the kernel's; NULL: the system's roots */
    struct trb_name fault;                 /* absent, or why its TLS material cannot be used */
    bool is_bare;                          /* a URL that the client wrote itself, no resource */
};

struct endpoints;

/* Reads all documents. [main loop] */
struct endpoints *endpoints_create(const struct trb_kernel *);
struct endpoints *endpoints_destroy(struct endpoints *);               /* NULL is welcome; returns NULL */
/* Under the block's lock: copies what the request needs. */
bool endpoints_find(const struct endpoints *, struct trb_request *, struct trb_slice name,
                    struct endpoint *ret_endpoint);

#endif

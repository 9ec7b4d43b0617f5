/* resolve: asks for a resource's secrets and completes its properties: environment, secrets,
 * templates, the runtime's own fallbacks. Knows no secret store: it asks through a callback, which may
 * answer at once or later. [main loop] */
#ifndef CONFIG_RESOLVE_H
#define CONFIG_RESOLVE_H

#include <config/component.h>
#include <config/environment.h>
#include <config/resource.h>

struct resolution;
struct secret_ticket;                                  /* one question for one secret */

struct resolve_context {                               /* must live as long as the resolution */
    const struct environment *environment;
    struct trb_name app_id;
    bool is_kubernetes;                                /* default store: "kubernetes" */
    bool strict_sandbox;                               /* wasm.strictSandbox of the configuration */
    /* Asks store for name with metadata namespace=<namespace_>. Every ticket is answered exactly once
     * with secret_answer, from inside get or later, on the main loop. NULL: there are no secrets. */
    void (*get)(void *arg, struct trb_slice store, struct trb_slice name, struct trb_slice namespace_,
                struct secret_ticket *);
    void *arg;
};

/* The store this resource must wait for: it has secret references. absent: none. The name may be
 * empty (no auth.secretStore outside Kubernetes): never loaded. */
struct trb_slice resource_needs_store(const struct resource *, const struct resolve_context *);

/* Calls then once: TRB_OK, or the error of a template ("failed to parse metadata: …"). Secrets that
 * cannot be had are logged and leave the property as it was. Holds a reference meanwhile. May call
 * then before it returns, and returns NULL then. Resolving again begins anew. */
struct resolution *resource_resolve(struct resource *, const struct resolve_context *,
                                    void (*then)(void *arg, struct resource *, const struct trb_error *),
                                    void *arg);
void resolution_cancel(struct resolution *);           /* then is not called; tickets are still answered */

/* pairs: all that the store holds under that name; err NULL: it went well. Borrowed, copied. */
void secret_answer(struct secret_ticket *, const struct trb_pairs *pairs, const struct trb_error *err);

#endif

/* channel: calls out of the process on behalf of a request: the app, another sidecar, a URL.
 *
 * Fills send, outcome, outcome_gather, outcome_body and outcome_relay of struct trb_kernel. Bodies
 * are pumped with back-pressure: the request's own towards the callee, the callee's answer towards
 * the client. Pools of connections are per loop. */
#ifndef CHANNEL_CHANNEL_H
#define CHANNEL_CHANNEL_H

#include <loop/loop.h>
#include <request/request.h>
#include <stdbool.h>
#include <trilby/block.h>

struct channel_setup {                     /* constant while the runtime lives; texts are borrowed for as long */
    const struct trb_runtime_info *info;
    struct trb_slice app_token;            /* absent: none */
    int64_t app_slots;                     /* app-max-concurrency; 0: no limit */
    uint64_t max_message;                  /* of a peer's message; 0: no limit */
    /* Where is an app? Answers on the asking loop, never inside; address "host:port". */
    void (*resolve)(void *arg, struct trb_slice app_id, struct trb_slice namespace_,
                    void (*found)(void *found_arg, struct trb_slice address, const struct trb_error *err),
                    void *found_arg);
    void *arg;
    bool few_paths;                        /* metrics name the start calls' paths only */
};

void channel_start(const struct channel_setup *);          /* [main loop], before requests */
/* Closes every pool on every loop; running calls fail. done on the main loop. [main loop] */
void channel_stop(void (*done)(void *arg), void *arg);
void channel_kernel_fill(struct trb_kernel *);

/* The app's health as calls see it. [any] */
void channel_set_app_health(bool healthy);
bool channel_is_app_healthy(void);

/* A connection attempt to the app's port, closed at once: is anybody listening? then on the asking
 * loop. [loop] */
void channel_probe_app(void (*then)(void *arg, bool listens), void *arg);

#endif

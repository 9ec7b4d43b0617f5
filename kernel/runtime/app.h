/* app: the application beside us: waiting for its port, its health, its start calls.
 *
 *     waiting for the port ──► (probes: unhealthy ◄──► healthy) ──► GET /dapr/config ──► blocks hear app_up
 *
 * [main loop] */
#ifndef RUNTIME_APP_H
#define RUNTIME_APP_H

#include <loop/loop.h>
#include <stdbool.h>

struct runtime;

struct app {
    bool is_healthy, is_stopped, is_dialling, has_ended_work, is_asking;
    uint32_t tries, failures;
    void (*quiet)(void *arg);
    void *quiet_arg;
    struct timer again;
    uint64_t probed_ns;
};

void app_announce(struct runtime *);       /* says what begin will wait for */
void app_begin(struct runtime *);
void app_end_work(struct runtime *);       /* block phase: no new work for the app from brokers, for good */
/* No probe, no call any more; quiet once the last dial is over, perhaps before it returns. */
void app_stop(struct runtime *, void (*quiet)(void *arg), void *arg);

#endif

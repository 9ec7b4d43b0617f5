/* driver: real component plugins under the real plugin host, asked from a test's own thread.
 *
 * Loops and workers run in threads of their own; every function here waits for the answer. */
#ifndef TEST_DRIVER_H
#define TEST_DRIVER_H

#include <plugin/call.h>
#include <plugin/instance.h>
#include <trilby/state.h>

#define DRIVER_LOOPS 2u

void driver_start(void);
void driver_stop(void);

/* A component of the plugin <type>.so; "type@v2" for another version than the first. pairs: "name", "value", …, NULL. NULL: it failed; err says why. */
struct instance *driver_component(const struct trb_block *, const char *type, const char *const *pairs,
                                  struct trb_error *err);
extern bool driver_succeeds;                 /* the next component is told that another hands over to it */
void driver_retire(struct instance *);

/* One question and its answer; several may be on their way at once. */
struct asked {
    struct instance *instance;
    const struct trb_verb_info *verb;        /* or function and layout */
    trb_verb *function;
    const struct trb_layout *layout;
    const void *question;
    struct call *call;                       /* once answered */
    void *waiting;                           /* a semaphore */
};
void driver_send(struct asked *, uint32_t loop);     /* any thread */
void driver_wait(struct asked *);
void driver_release(struct asked *);                 /* forgets the answer */
void driver_ask(struct asked *);                     /* send and wait */

/* Runs on loop 0 and waits for the end of it. */
void driver_run(void (*run)(void *), void *arg);

#endif

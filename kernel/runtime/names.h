/* names: the name resolver of the process: started, told who we are, asked where others are. */
#ifndef RUNTIME_NAMES_H
#define RUNTIME_NAMES_H

#include <plugin/instance.h>
#include <plugin/service.h>
#include <stdatomic.h>

struct runtime;

struct names {
    struct service *service;               /* a block without a plugin: verbs only */
    struct instance *instance;
    struct trb_instance *view;             /* the main loop's */
    struct trb_instance *_Atomic resolver; /* what other loops ask; NULL: not initialised */
    uint32_t leaving;                      /* instances that another has replaced, and changes, until they are gone */
    char type[64], version[16];
    void (*started)(struct runtime *);
    void (*done)(void *arg);
    void *done_arg;
};

/* started is called once, also when there is no resolver: that is only logged. [main loop] */
void names_start(struct runtime *, void (*started)(struct runtime *));
/* channel_setup.resolve. [loop] */
void names_resolve(void *runtime, struct trb_slice app_id, struct trb_slice namespace_,
                   void (*found)(void *found_arg, struct trb_slice address, const struct trb_error *err),
                   void *found_arg);
/* No more questions; what is asked is answered first. [main loop] */
void names_stop(struct runtime *, void (*done)(void *arg), void *arg);

/* --- pieces of it, for replacing the resolver's code (names_change.c). [main loop] */
struct names_change;

/* NULL: the plugin is not the resolver's. up(arg, NULL or why not) once, never inside: a new resolver is up, has passed
 * its self-test and is announced. Then one of the two: */
struct names_change *names_change_begin(struct runtime *, struct plugin *, void (*up)(void *arg, const struct trb_error *),
                                        void *arg);
void names_change_commit(struct names_change *);       /* whoever asks from now on asks it. NULL is welcome */
void names_change_abort(struct names_change *);        /* NULL is welcome */

trb_code names_create(struct runtime *, struct plugin *, struct instance **ret_instance, struct trb_error *err);
/* Asks the resolver to announce us; one that does not announce has nothing to say. */
void names_announce(struct runtime *, struct trb_instance *, void (*then)(void *arg, const struct trb_error *err),
                    void *arg);
void names_part_gone(void *runtime);       /* one of leaving, and of what stopping waits for */

#endif

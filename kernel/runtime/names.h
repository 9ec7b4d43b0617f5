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
    char type[64], version[16];
    uint32_t parts_owed;
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

#endif

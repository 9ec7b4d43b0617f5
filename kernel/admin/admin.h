/* admin: the listener through which a running sidecar is looked into and changed. Off unless asked for.
 *
 * Who may speak: on a Unix socket (mode 0600) processes of our own user and root, by the kernel's word;
 * on loopback TCP whoever sends the token of a 0600 file, to a loopback Host, not out of a browser.
 * The calls are a table (calls.c): it routes the requests, and the OpenAPI description is made from it.
 *
 * Errors are {"errorCode":…,"message":…}. Everything here is [main loop]. */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include <base/text.h>
#include <trilby/types.h>

struct admin;
struct admin_task;                         /* one request under way: answered once */

struct admin_question {                    /* until it is answered */
    struct trb_slice name;                 /* {name} of the path, or absent */
    struct trb_slice body;
};

/* Answers the task with admin_answer, at once or later. */
typedef void admin_verb(void *arg, const struct admin_question *, struct admin_task *);

struct admin_verbs {                       /* what the runtime can tell and do */
    admin_verb *list_plugins, *list_components, *show_component, *show_features, *show_process;
    admin_verb *add_component, *remove_component, *reload_component, *reload_plugin, *reload_resources;
};

struct admin_setup {
    struct trb_slice listen;               /* "unix:/path", or a loopback "address:port" */
    const char *token_file;                /* for TCP */
    const char *version;                   /* of the program: for the description */
    const struct admin_verbs *verbs;
    void *arg;
};

trb_code admin_start(const struct admin_setup *, struct admin **ret_admin, struct trb_error *err);
/* Calls done when the listener is gone; tasks that are still owed are answered into nothing. */
void admin_stop(struct admin *, void (*done)(void *arg), void *arg);
uint16_t admin_port(const struct admin *); /* 0: a Unix socket */

/* err NULL: it went well, and json (an object) is the answer. */
void admin_answer(struct admin_task *, const struct trb_error *err, struct trb_slice json);

#endif

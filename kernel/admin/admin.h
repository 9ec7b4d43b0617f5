/* admin: the listener through which a running sidecar is looked into and changed. Off unless asked for.
 *
 * Who may speak: on a Unix socket (mode 0600) processes of our own user and root, by the kernel's word;
 * on loopback TCP whoever sends the token of a 0600 file, to a loopback Host, not out of a browser.
 *
 *     GET    /v1/admin/plugins                          what is mapped, what pins it
 *     POST   /v1/admin/plugins/{name}/reload            another copy of the code takes over
 *     GET    /v1/admin/components                       what is in service
 *     POST   /v1/admin/components                       the YAML of one component: new, or instead of its namesake
 *     DELETE /v1/admin/components/{name}
 *     POST   /v1/admin/components/{name}/reload         a new instance takes over
 *
 * Errors are {"errorCode":…,"message":…}. Everything here is [main loop]. */
#ifndef ADMIN_ADMIN_H
#define ADMIN_ADMIN_H

#include <base/text.h>
#include <trilby/types.h>

struct admin;
struct admin_task;                         /* one change under way: answered once */

/* What the runtime can do. A verb with a task answers it with admin_answer, at once or later. */
struct admin_verbs {
    void (*list_plugins)(void *arg, struct text *json);
    void (*list_components)(void *arg, struct text *json);
    void (*add_component)(void *arg, struct trb_slice yaml, struct admin_task *);
    void (*remove_component)(void *arg, struct trb_slice name, struct admin_task *);
    void (*reload_component)(void *arg, struct trb_slice name, struct admin_task *);
    void (*reload_plugin)(void *arg, struct trb_slice name, struct admin_task *);
};

struct admin_setup {
    struct trb_slice listen;               /* "unix:/path", or a loopback "address:port" */
    const char *token_file;                /* for TCP */
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

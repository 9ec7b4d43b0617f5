/* task: one request, from its head to its answer. Private to this folder. */
#ifndef ADMIN_TASK_H
#define ADMIN_TASK_H

#include <admin/admin.h>
#include <admin/guard.h>

#define ADMIN_MAGIC 0x41444d4eu

struct admin {                             /* life: admin.c */
    uint32_t magic;
    struct guard guard;
    struct listener *listener;
    char *version;
    const struct admin_verbs *verbs;
    void *arg;
    void (*done)(void *arg);
    void *done_arg;
};

void task_begin(void *admin, struct exchange *);       /* http_server_setup.on_request */
const char *task_version(const struct admin_task *);

#endif

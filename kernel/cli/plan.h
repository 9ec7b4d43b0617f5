/* plan.h: everything a run has decided before anything is started. */
#ifndef TRILBY_CLI_PLAN_H
#define TRILBY_CLI_PLAN_H

#include "cli/flags.h"
#include "cli/http.h"

struct plan {
    char *app_id;
    int app_port, http_port, grpc_port, internal_port, metrics_port, profile_port;
    const char *socket_folder;                      /* NULL: the APIs are on ports */
    int64_t graceful_seconds;                       /* of the sidecar; 0: as long as it needs */
    struct http_place api;
    struct words sidecar;                           /* program and arguments */
    struct words command;                           /* empty: only the sidecar */
    struct words environment;                       /* of the command, NAME=value */
};

/* flags outlive the plan. */
bool plan_make(struct plan *plan, const struct flags *flags, struct reason *why);
void plan_fini(struct plan *plan);

#endif

/* sidecars.h: the sidecars of this user that are running now.
 * Nothing is written down anywhere: the process table and the sidecars themselves are asked. */
#ifndef TRILBY_CLI_SIDECARS_H
#define TRILBY_CLI_SIDECARS_H

#include "cli/text.h"

#include <sys/types.h>
#include <time.h>

struct sidecar {
    char *app_id;
    pid_t pid, cli_pid, app_pid;                    /* 0: not known */
    int http_port, grpc_port, app_port;
    bool has_metrics;
    int64_t max_body_bytes, read_buffer_bytes;
    time_t created;
    char *command;                                  /* of the app; never NULL, as the ones below */
    char *template_path, *template_name, *app_log, *sidecar_log;
    char *admin_listen, *admin_token_file;          /* as given, paths whole; empty: none */
};

struct sidecars {
    struct sidecar *at;
    size_t count;
};

void sidecars_find(struct sidecars *ret_sidecars);
void sidecars_fini(struct sidecars *s);

#endif

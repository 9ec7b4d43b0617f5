/* command: the words after trilby-conform. */
#ifndef CONFORMANCE_COMMAND_H
#define CONFORMANCE_COMMAND_H

#include "judge.h"

struct command {
    const char *plugin, *config, *junit, *only, *type, *version, *resolve, *describe, *change;
    struct trb_pair sets[64];
    uint32_t set_count;
    const char *secrets[16];                   /* NAME=VALUE */
    uint32_t secret_count;
    const char *keys[64];                      /* ALGORITHM=NAME */
    uint32_t key_count;
    uint64_t limit_s, patience_s, foreign_threads;
    bool list, verbose, ordered, no_rollback, plain_keys, keeps_nothing, foreign_descriptors, in_this_process, help, show_version;
};

/* 0, or 2 after having said on stderr what is wrong. */
int command_parse(int argc, char **argv, struct command *ret);
extern const char command_help[];

#endif

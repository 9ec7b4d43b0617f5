/* flags: the command line, Go's way: --x v, --x=v, -x, lists that repeat or carry commas. The table
 * is flags.def; usage text and struct are made from it. Reads, never prints; the caller does. */
#ifndef CONFIG_FLAGS_H
#define CONFIG_FLAGS_H

#include <base/text.h>
#include <config/environment.h>
#include <stdbool.h>
#include <stdint.h>
#include <trilby/types.h>

struct flag_list {
    struct trb_name *at;
    uint32_t count;
};

#define FLAG_TEXT_MEMBER struct trb_name
#define FLAG_BOOL_MEMBER bool
#define FLAG_TRISTATE_MEMBER int32_t                   /* -1: not given */
#define FLAG_INT_MEMBER int64_t
#define FLAG_UINT_MEMBER uint64_t
#define FLAG_DURATION_MEMBER int64_t                   /* nanoseconds */
#define FLAG_LIST_MEMBER struct flag_list

/* The flags as given (text), and what they mean (below) once flags_check has run. */
struct flags {
    struct arena *arena;
#define FLAG(member, name, type, fallback, effect, help) FLAG_##type##_MEMBER member;
#include <config/flags.def>
#undef FLAG
    struct {
#define FLAG(member, name, type, fallback, effect, help) bool member;
#include <config/flags.def>
#undef FLAG
    } given;                                           /* by flag, not by environment */

    /* Filled in by flags_parse and flags_check. */
    uint32_t http, grpc, internal, public_, app, profile;  /* ports as numbers; 0: none (internal: derive) */
    uint64_t max_body_bytes, read_buffer_bytes;        /* 0: no limit */
    uint32_t log_level_number;                         /* LOG_INFO … */
    struct trb_name protocol;                          /* of the app, lower case, app-ssl applied */
    int64_t max_concurrency;                           /* 0: no limit */
    uint64_t app_health_interval_ns, app_health_timeout_ns;
    uint32_t app_health_failures;
    uint64_t graceful_ns;                              /* UINT64_MAX: for ever */
    bool is_kubernetes, skip_config, skip_subscribe, reload_safe, heal;
    bool has_placement;                                /* placement-host-address says something */
    struct flag_list resources;                        /* resources-path, else components-path */
    struct flag_list listen;                           /* dapr-listen-addresses, split; none: all */
    struct flag_list plugin_folders;                   /* --plugins-path, then TRILBY_PLUGINS_PATH */
};

#define FLAGS_RUN 0                                    /* go on */
#define FLAGS_HELP 1                                   /* usage on stderr, exit 0 */
#define FLAGS_USAGE 2                                  /* err's sentence and usage on stderr, exit 2 */

/* Splits argv and applies the environment's fallbacks. flags must be zeroed or finished. */
int flags_parse(int argc, char *const argv[], const struct environment *, struct flags *, struct trb_error *err);
void flags_fini(struct flags *);
void flags_usage(struct text *, const char *program);

/* Before anything is started, in the order of the phases below. err->message is the whole line to
 * log at level fatal, prefix ("Failed to parse flags: ", "Fatal error from runtime: " or none)
 * included; exit 1. Warnings (deprecated flags) go through warn, which may be NULL. */
trb_code flags_check(struct flags *, void (*warn)(void *arg, const char *sentence), void *arg,
                     struct trb_error *err);
/* Late: once loading has begun. Sentence without prefix: "failed to parse metrics port: …". */
trb_code flags_metrics_port(const struct flags *, uint32_t *ret_port, struct trb_error *err);
/* Given flags that have no effect yet: 0 … until NULL. "enable-mtls" */
const char *flags_without_effect(const struct flags *, uint32_t i);

#endif

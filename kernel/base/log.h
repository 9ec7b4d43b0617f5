/* log: structured lines, written by a thread of their own so that a full pipe stops no loop. [any]
 *
 * time="…" level=info msg="…" app_id=… instance=… scope=… type=log ver=…   or the same as JSON. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <trilby/types.h>

#define LOG_DEBUG 0
#define LOG_INFO 1
#define LOG_WARN 2
#define LOG_ERROR 3
#define LOG_FATAL 4

struct log_setup {
    const char *app_id, *instance, *version;   /* copied */
    uint32_t level;
    bool json;
    int fd;                                    /* 1, or that of --log-file */
};

void log_start(const struct log_setup *);      /* once per process, or again to change */
void log_stop(void);                           /* writes what is queued, ends the thread */
bool log_level_parse(const char *text, uint32_t *ret_level);
const char *log_level_name(uint32_t level);    /* "warn", as --log-level takes it */
uint32_t log_level(void);                      /* the least that is written */
void log_set_level(uint32_t level);            /* from the next line on, for the whole process */
bool log_is_on(uint32_t level);

/* scope: "dapr.runtime", "dapr.runtime.http-info", … A literal, or text that outlives the call. */
void log_write(uint32_t level, const char *scope, const char *format, ...) TRB_PRINTF(3, 4);

/* With extra fields in the given order (e.g. duration, method, code). */
struct log_field {
    const char *key;
    struct trb_slice text;                     /* absent: number counts */
    int64_t number;
};
void log_fields(uint32_t level, const char *scope, struct trb_slice message,
                const struct log_field *fields, uint32_t count);

/* Lines go to sink instead, on the thread that says them, scope and message apart: a process that has no output of
 * its own. Before other threads exist. */
void log_divert(void (*sink)(uint32_t level, const char *scope, struct trb_slice message), uint32_t level);

/* Lines that did not fit into the ring; also written as a line when there is room again. */
uint64_t log_dropped(void);

#define log_debug(scope, ...) (log_is_on(LOG_DEBUG) ? log_write(LOG_DEBUG, scope, __VA_ARGS__) : (void)0)
#define log_info(scope, ...) (log_is_on(LOG_INFO) ? log_write(LOG_INFO, scope, __VA_ARGS__) : (void)0)
#define log_warn(scope, ...) log_write(LOG_WARN, scope, __VA_ARGS__)
#define log_error(scope, ...) log_write(LOG_ERROR, scope, __VA_ARGS__)
#define log_fatal(scope, ...) log_write(LOG_FATAL, scope, __VA_ARGS__)   /* only says so; the caller exits */

#endif

/* trilby/inline.h: printf comfort on top of plugin.h, compiled into the plugin. Included by it. */
#ifndef TRILBY_INLINE_H
#define TRILBY_INLINE_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <trilby/plugin.h>

/* Fills err in and returns code. TRB_UNAVAILABLE is retryable, all else is not; a longer message is cut. [any] */
static inline TRB_PRINTF(4, 5) trb_code trb_error(struct trb_error *err, trb_code code,
                                                  const char *reason, const char *format, ...)
{
    va_list ap;
    err->size = sizeof *err;
    err->code = code;
    err->retryable = code == TRB_UNAVAILABLE;
    err->item = -1;
    snprintf(err->reason, sizeof err->reason, "%s", reason ? reason : "");
    va_start(ap, format);
    vsnprintf(err->message, sizeof err->message, format, ap);
    va_end(ap);
    return code;
}

/* From errno; what names the thing: "secrets.json: No such file or directory". */
static inline trb_code trb_errno(struct trb_error *err, const char *what)
{
    int number = errno;
    trb_code code = number == ENOENT                       ? TRB_NOT_FOUND
                    : number == EACCES || number == EPERM  ? TRB_DENIED
                    : number == EEXIST                     ? TRB_EXISTS
                    : number == ENOSPC || number == EMFILE ? TRB_EXHAUSTED
                                                           : TRB_UNAVAILABLE;
    return trb_error(err, code, "SYSTEM", "%s: %s", what, strerror(number));
}

/* Answers a verb that has nothing to say but that it went well. The call is no longer the plugin's. [any] */
static inline void trb_done(struct trb_call *call)
{
    call->host->done(call, NULL, 0);
}

/* Answers with an error, as trb_error makes it. The call is no longer the plugin's. [any] */
static inline TRB_PRINTF(4, 5) void trb_fail(struct trb_call *call, trb_code code,
                                             const char *reason, const char *format, ...)
{
    struct trb_error err = {.size = sizeof err, .code = code, .item = -1};
    va_list ap;
    err.retryable = code == TRB_UNAVAILABLE;
    snprintf(err.reason, sizeof err.reason, "%s", reason ? reason : "");
    va_start(ap, format);
    vsnprintf(err.message, sizeof err.message, format, ap);
    va_end(ap);
    call->host->fail(call, &err);
}

/* Answers with the error that errno says, as trb_errno. [any] */
static inline void trb_fail_errno(struct trb_call *call, const char *what)
{
    struct trb_error err = {.size = sizeof err};
    trb_errno(&err, what);
    call->host->fail(call, &err);
}

/* One line of the log at TRB_LOG_DEBUG to TRB_LOG_ERROR, cut at 1,023 bytes. [any] */
static inline TRB_PRINTF(4, 5) void trb_log(const struct trb_host *host, const struct trb_origin *origin,
                                            uint32_t level, const char *format, ...)
{
    char line[1024];
    va_list ap;
    va_start(ap, format);
    vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    host->log(origin, level, line);
}

/* The value of a pair, letter case of the key ignored; absent: at == NULL. */
static inline struct trb_name trb_pair_get(const struct trb_pairs *pairs, const char *key)
{
    size_t len = strlen(key);
    for (uint32_t i = 0; i < pairs->count; i++) {
        const struct trb_pair *p = trb_pair_at(pairs, i);
        if (p->key.len == len && !strncasecmp(p->key.at, key, len))
            return p->value;
    }
    return (struct trb_name){NULL, 0};
}

#endif

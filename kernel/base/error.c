/* error: filling in struct trb_error, and the names and numbers of its codes. */
#include <base/buf.h>
#include <base/error.h>
#include <base/slice.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int http;
} codes[] = {
    [TRB_OK] = {"OK", 200},
    [TRB_CANCELLED] = {"Canceled", 408},
    [TRB_UNKNOWN] = {"Unknown", 500},
    [TRB_INVALID] = {"InvalidArgument", 400},
    [TRB_DEADLINE] = {"DeadlineExceeded", 504},
    [TRB_NOT_FOUND] = {"NotFound", 404},
    [TRB_EXISTS] = {"AlreadyExists", 409},
    [TRB_DENIED] = {"PermissionDenied", 403},
    [TRB_EXHAUSTED] = {"ResourceExhausted", 429},
    [TRB_PRECONDITION] = {"FailedPrecondition", 400},
    [TRB_ABORTED] = {"Aborted", 409},
    [TRB_RANGE] = {"OutOfRange", 400},
    [TRB_UNIMPLEMENTED] = {"Unimplemented", 501},
    [TRB_INTERNAL] = {"Internal", 500},
    [TRB_UNAVAILABLE] = {"Unavailable", 503},
    [TRB_DATA_LOSS] = {"DataLoss", 500},
    [TRB_UNAUTHENTICATED] = {"Unauthenticated", 401},
};

trb_code error_vset(struct trb_error *err, trb_code code, const char *reason, const char *format,
                    va_list ap)
{
    if (!err)
        return code;
    error_release(err);
    *err = (struct trb_error){.size = sizeof *err, .code = code, .item = -1};
    err->retryable = code == TRB_UNAVAILABLE;
    snprintf(err->reason, sizeof err->reason, "%s", reason ? reason : "");
    vsnprintf(err->message, sizeof err->message, format, ap);
    return code;
}

trb_code error_set(struct trb_error *err, trb_code code, const char *reason, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    error_vset(err, code, reason, format, ap);
    va_end(ap);
    return code;
}

static trb_code code_of_errno(int number)
{
    switch (number) {
    case ENOENT: case ENOTDIR: case ENODEV: case ENXIO: case ESRCH:
        return TRB_NOT_FOUND;
    case EACCES: case EPERM: case EROFS:
        return TRB_DENIED;
    case EEXIST: case ENOTEMPTY: case EADDRINUSE:
        return TRB_EXISTS;
    case EINVAL: case ENAMETOOLONG: case EISDIR: case EAFNOSUPPORT: case EADDRNOTAVAIL:
        return TRB_INVALID;
    case ENOMEM: case EMFILE: case ENFILE: case ENOSPC: case EDQUOT: case E2BIG: case EFBIG:
        return TRB_EXHAUSTED;
    case ETIMEDOUT:
        return TRB_DEADLINE;
    case ECANCELED:
        return TRB_CANCELLED;
    case ENOSYS: case EOPNOTSUPP: case EPROTONOSUPPORT:
        return TRB_UNIMPLEMENTED;
    case ECONNREFUSED: case ECONNRESET: case ECONNABORTED: case ENETUNREACH: case EHOSTUNREACH:
    case ENETDOWN: case EHOSTDOWN: case EPIPE: case EAGAIN: case ENOTCONN: case EBUSY: case EINTR:
        return TRB_UNAVAILABLE;
    default:
        return TRB_INTERNAL;
    }
}

trb_code error_errno(struct trb_error *err, int number, const char *what)
{
    char text[128];
    trb_code code = code_of_errno(number);
    error_set(err, code, strerrorname_np(number), "%s: %s", what ? what : "system call",
              strerror_r(number, text, sizeof text));
    if (err && number == ETIMEDOUT)
        err->retryable = 1;
    return code;
}

static void prefix_message(struct trb_error *err, const char *prefix)
{
    char whole[sizeof err->message];
    size_t len = strnlen(prefix, sizeof whole - 1);
    memcpy(whole, prefix, len);
    size_t rest = strnlen(err->message, sizeof whole - 1 - len);
    memcpy(whole + len, err->message, rest);
    whole[len + rest] = 0;
    memcpy(err->message, whole, len + rest + 1);
}

static void prefix_text(struct trb_error *err, const char *prefix)
{
    struct gather whole = {0};
    struct trb_slice old = buf_bytes(err->text);
    size_t len = strlen(prefix);
    gather_expect(&whole, len + old.len);
    gather_add(&whole, slice_from(prefix, len), SIZE_MAX);
    gather_add(&whole, old, SIZE_MAX);
    buf_unref(err->text);
    err->text = gather_finish(&whole);
}

trb_code error_prefix(struct trb_error *err, const char *format, ...)
{
    if (!err)
        return TRB_UNKNOWN;
    char prefix[sizeof err->message];
    va_list ap;
    va_start(ap, format);
    vsnprintf(prefix, sizeof prefix, format, ap);
    va_end(ap);
    prefix_message(err, prefix);
    if (err->text)
        prefix_text(err, prefix);
    return err->code;
}

void error_release(struct trb_error *err)
{
    if (!err)
        return;
    err->text = buf_unref(err->text);
    err->details = buf_unref(err->details);
}

struct trb_slice error_text(const struct trb_error *err)
{
    if (err->text)
        return buf_bytes(err->text);
    return (struct trb_slice){err->message, strnlen(err->message, sizeof err->message)};
}

static bool is_known(trb_code code)
{
    return code >= 0 && (size_t)code < sizeof codes / sizeof codes[0];
}

const char *error_code_name(trb_code code)
{
    return is_known(code) ? codes[code].name : "Unknown";
}

int error_code_to_http(trb_code code)
{
    return is_known(code) ? codes[code].http : 500;
}

trb_code error_code_from_http(int status)
{
    switch (status) {
    case 400: return TRB_INTERNAL;
    case 401: return TRB_UNAUTHENTICATED;
    case 403: return TRB_DENIED;
    case 404: return TRB_NOT_FOUND;
    case 408: return TRB_CANCELLED;
    case 409: return TRB_EXISTS;
    case 429: return TRB_EXHAUSTED;
    case 501: return TRB_UNIMPLEMENTED;
    case 503: return TRB_UNAVAILABLE;
    case 504: return TRB_DEADLINE;
    default: return status >= 200 && status < 300 ? TRB_OK : TRB_UNKNOWN;
    }
}

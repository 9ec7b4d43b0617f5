/* flags_check_sizes: quantities and spans of time, which are refused in words of their own. */
#include <base/clock.h>
#include <base/codec.h>
#include <base/error.h>
#include <base/slice.h>
#include <config/flags_check.h>

#define MIB (1ll << 20)
#define KIB (1ll << 10)
#define QUANTITIES "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

static trb_code refuse_parsing(struct checking *c, const char *format, ...) TRB_PRINTF(2, 3);
static trb_code refuse_parsing(struct checking *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_vset(c->err, TRB_INVALID, "FLAGS", format, args);
    va_end(args);
    error_prefix(c->err, "Failed to parse flags: ");
    return TRB_INVALID;
}

static size_t skip(struct trb_slice s, size_t at, const char *of)
{
    while (at < s.len && s.at[at] && strchr(of, s.at[at]))
        at++;
    return at;
}

static bool is_quantity_shaped(struct trb_slice s)
{
    size_t sign = s.len && strchr("+-", s.at[0]) ? 1 : 0, digits = skip(s, sign, "0123456789.");
    size_t suffix = skip(s, digits, "eEinumkKMGTP");
    suffix += suffix < s.len && strchr("+-", s.at[suffix]);
    return digits > sign && skip(s, suffix, "0123456789") == s.len;
}

static const char *quantity_fault(struct trb_slice s)
{
    return is_quantity_shaped(s) ? "unable to parse quantity's suffix" : QUANTITIES;
}

/* ret_bytes: 0 for no limit. old: the deprecated flag in units, -1: not said. */
static trb_code read_size(struct checking *c, const char *name, struct trb_name text, bool given, int64_t old,
                          int64_t unit, uint64_t *ret_bytes)
{
    int64_t bytes;
    if (!quantity_parse(slice_name(text), &bytes))
        return refuse_parsing(c, "invalid value for '%s' option: %s", name, quantity_fault(slice_name(text)));
    if (!given && old != -1 && __builtin_mul_overflow(old, unit, &bytes))
        bytes = old < 0 ? 0 : INT64_MAX;
    *ret_bytes = bytes > 0 ? (uint64_t)bytes : 0;
    return TRB_OK;
}

trb_code flags_check_sizes(struct checking *c)
{
    struct flags *f = c->flags;
    char duration[CLOCK_TEXT];
    trb_code code = read_size(c, "max-body-size", f->max_body_size, f->given.max_body_size,
                              f->max_request_size_mb, MIB, &f->max_body_bytes);
    if (!code)
        code = read_size(c, "read-buffer-size", f->read_buffer_size, f->given.read_buffer_size,
                         f->read_buffer_kb, KIB, &f->read_buffer_bytes);
    if (code || f->disseminate_timeout > 0)
        return code;
    clock_duration_text(f->disseminate_timeout, duration);
    return refuse_parsing(c, "invalid value for 'actors-disseminate-timeout' option: must be positive, got %s",
                          duration);
}

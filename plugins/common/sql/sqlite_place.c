/* sqlite_place: what a connection string says, and what it must not say. */
#include "sqlite_db.h"
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <ctype.h>

static trb_code refuse(struct trb_error *err, const char *what)
{
    return trb_error(err, TRB_INVALID, "BAD_CONNECTION_STRING",
                     "connectionString must not hold %s: the component has an option of its own for it or decides it", what);
}

static bool is_safe(struct trb_slice s)
{
    for (size_t n = 0; n < s.len; n++)
        if (!isalnum((unsigned char)s.at[n]) && s.at[n] != '_' && s.at[n] != '-' && s.at[n] != '.')
            return false;
    return s.len > 0;
}

/* name(value) */
static trb_code add_pragma(struct text *to, struct trb_slice pragma, struct trb_error *err)
{
    struct trb_slice value = pragma, name = slice_split(&value, '(');
    if (value.at && value.len && value.at[value.len - 1] == ')')
        value.len--;
    if (slice_is_nocase(name, SLICE("busy_timeout")))
        return refuse(err, "busy_timeout");
    if (slice_is_nocase(name, SLICE("journal_mode")))
        return refuse(err, "journal_mode");
    if (!is_safe(name) || !value.at || !is_safe(value))
        return trb_error(err, TRB_INVALID, "BAD_CONNECTION_STRING", "connectionString: _pragma=%.*s is not name(value)",
                         SLICE_ARG(pragma));
    text_addf(to, "PRAGMA %.*s=%.*s;", SLICE_ARG(name), SLICE_ARG(value));
    return TRB_OK;
}

static trb_code read_parameter(struct sqlite_place *p, struct text *pragmas, struct trb_slice one, struct trb_error *err)
{
    struct trb_slice raw = one, name = slice_split(&raw, '=');
    char *decoded = mem_alloc(raw.len + 1);
    struct trb_slice value = slice_from(decoded, 0);
    trb_code code = TRB_OK;
    if (raw.at && !percent_decode(raw, false, decoded, &value.len))
        code = trb_error(err, TRB_INVALID, "BAD_CONNECTION_STRING", "connectionString: a %% in %.*s begins no escape",
                         SLICE_ARG(one));
    else if (slice_is(name, SLICE("_txlock")))
        code = refuse(err, "_txlock");
    else if (slice_is(name, SLICE("_pragma")))
        code = add_pragma(pragmas, value, err);
    else if (slice_is(name, SLICE("mode")))
        p->is_memory |= slice_is(value, SLICE("memory")), p->is_read_only |= slice_is(value, SLICE("ro"));
    else if (slice_is(name, SLICE("immutable")))
        p->is_read_only |= slice_is_truthy(value);
    mem_free(decoded);
    return code;
}

trb_code sqlite_place_parse(struct sqlite_place *p, const char *connection, struct trb_error *err)
{
    struct trb_slice all = slice_trim(slice_of(connection)), rest = all, parameter;
    struct text pragmas = {0}, name = {0};
    trb_code code = TRB_OK;
    *p = (struct sqlite_place){0};
    struct trb_slice path = slice_split(&rest, '?');
    bool is_uri = slice_starts_nocase(all, SLICE("file:"));
    if (!all.len)
        return trb_error(err, TRB_INVALID, "BAD_CONNECTION_STRING", "connectionString is empty: name a file, or :memory:");
    p->is_memory = slice_is_nocase(path, SLICE(":memory:")) || slice_starts_nocase(path, SLICE("file::memory:"));
    while (rest.at && !code) {
        parameter = slice_split(&rest, '&');
        code = read_parameter(p, &pragmas, parameter, err);
    }
    if (!is_uri && path.len < all.len)
        text_adds(&name, "file:");
    text_add(&name, all);
    p->name = name.at;
    p->pragmas = pragmas.at;
    if (code)
        sqlite_place_fini(p);
    return code;
}

void sqlite_place_fini(struct sqlite_place *p)
{
    mem_free(p->name);
    mem_free(p->pragmas);
    *p = (struct sqlite_place){0};
}

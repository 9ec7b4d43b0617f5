/* target: reading connection strings. */
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <postgres/target.h>

#define BAD "BAD_OPTION"

static trb_code bad(struct trb_error *err, const char *sentence)
{
    return trb_error(err, TRB_INVALID, BAD, "connectionString: %s", sentence);
}

static uint32_t find(const struct pg_target *t, const char *name)
{
    uint32_t i = 0;
    while (i < t->count && strcmp(t->names[i], name))
        i++;
    return i;
}

const char *pg_target_get(const struct pg_target *t, const char *name)
{
    uint32_t i = find(t, name);
    return i < t->count ? t->values[i] : NULL;
}

static void *wipe(char *value)
{
    mem_wipe(value, strlen(value));
    return mem_free(value);
}

void pg_target_drop(struct pg_target *t, const char *name)
{
    uint32_t i = find(t, name);
    if (i == t->count)
        return;
    mem_free(t->names[i]);
    wipe(t->values[i]);
    t->count--;
    t->names[i] = t->names[t->count];
    t->values[i] = t->values[t->count];
}

void pg_target_fini(struct pg_target *t)
{
    while (t->count)
        pg_target_drop(t, t->names[0]);
}

/* The last one said wins. "database" is a common other spelling of libpq's dbname. */
static trb_code set(struct pg_target *t, struct trb_slice name, struct trb_slice value, struct trb_error *err)
{
    bool has_nul = memchr(name.at, 0, name.len) || memchr(value.at ? value.at : "", 0, value.len);
    char *word = slice_is(name, SLICE("database")) ? mem_text("dbname", 6) : mem_text(name.at, name.len);
    pg_target_drop(t, word);
    if (t->count == PG_TARGET_WORDS || !name.len || has_nul) {
        mem_free(word);
        return bad(err, t->count == PG_TARGET_WORDS ? "it has too many words"
                        : !name.len                 ? "a value has no name before its '='"
                                                    : "a word holds a NUL");
    }
    t->names[t->count] = word;
    t->values[t->count++] = mem_text(value.at ? value.at : "", value.len);
    return TRB_OK;
}

trb_code pg_target_set(struct pg_target *t, const char *name, struct trb_slice value, struct trb_error *err)
{
    return set(t, slice_of(name), value, err);
}

trb_code pg_target_add_setting(struct pg_target *t, const char *name, const char *value, struct trb_error *err)
{
    struct text all = {0};
    const char *before = pg_target_get(t, "options");
    text_addf(&all, "%s%s-c %s=", before ? before : "", before && *before ? " " : "", name);
    for (; *value; value++) {
        if (strchr(" \\\t\n", *value))
            text_addc(&all, '\\');
        text_addc(&all, *value);
    }
    trb_code code = pg_target_set(t, "options", text_slice(&all), err);
    text_fini(&all);
    return code;
}

/* ------------------------------------------------------------------------- name=value name='value' */
static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static struct trb_slice skip_blanks(struct trb_slice s)
{
    while (s.len && is_blank(*s.at))
        s = slice_skip(s, 1);
    return s;
}

/* Into room, which is as long as the text. False: a quote has no end. */
static bool take_value(struct trb_slice *rest, char *room, size_t *ret_len)
{
    struct trb_slice s = *rest;
    bool is_quoted = s.len && *s.at == '\'';
    size_t len = 0;
    if (is_quoted)
        s = slice_skip(s, 1);
    for (; s.len && (is_quoted ? *s.at != '\'' : !is_blank(*s.at)); s = slice_skip(s, 1)) {
        if (*s.at == '\\' && s.len > 1)
            s = slice_skip(s, 1);
        room[len++] = *s.at;
    }
    if (is_quoted && !s.len)
        return false;
    *rest = slice_skip(s, is_quoted ? 1 : 0);
    *ret_len = len;
    return true;
}

static trb_code read_words(struct pg_target *t, struct trb_slice s, char *room, struct trb_error *err)
{
    for (s = skip_blanks(s); s.len; s = skip_blanks(s)) {
        struct trb_slice name = s;
        size_t len = 0;
        while (len < s.len && s.at[len] != '=' && !is_blank(s.at[len]))
            len++;
        name.len = len;
        s = skip_blanks(slice_skip(s, len));
        if (!s.len || *s.at != '=')
            return bad(err, "a word is not name=value, nor is the whole a postgres:// URL");
        s = skip_blanks(slice_skip(s, 1));
        if (!take_value(&s, room, &len))
            return bad(err, "a quoted value has no end");
        trb_code code = set(t, name, slice_from(room, len), err);
        if (code)
            return code;
    }
    return TRB_OK;
}

/* ------------------------------------------------- postgres://user:password@host:port,host/db?name=value */
static trb_code set_decoded(struct pg_target *t, const char *name, struct trb_slice from, char *room, struct trb_error *err)
{
    size_t len;
    if (!from.len)
        return TRB_OK;
    if (!percent_decode(from, false, room, &len))
        return bad(err, "the URL holds a malformed %-escape");
    return pg_target_set(t, name, slice_from(room, len), err);
}

static trb_code read_user(struct pg_target *t, struct trb_slice user, char *room, struct trb_error *err)
{
    struct trb_slice password = user, name = slice_split(&password, ':');
    trb_code code = set_decoded(t, "user", name, room, err);
    return code || !password.at ? code : set_decoded(t, "password", password, room, err);
}

/* Of host, host:port, [v6]:port. */
static bool split_host(struct trb_slice one, struct trb_slice *ret_host, struct trb_slice *ret_port)
{
    const char *end = one.len && *one.at == '[' ? memchr(one.at, ']', one.len) : NULL;
    if (one.len && *one.at == '[' && !end)
        return false;
    struct trb_slice rest = end ? slice_skip(one, (size_t)(end - one.at) + 1) : one;
    if (end && rest.len && *rest.at != ':')
        return false;
    *ret_port = rest;
    struct trb_slice host = slice_split(ret_port, ':');
    *ret_host = end ? slice_from(one.at + 1, (size_t)(end - one.at) - 1) : host;
    return true;
}

static trb_code read_hosts(struct pg_target *t, struct trb_slice hosts, char *room, struct trb_error *err)
{
    struct text names = {0}, ports = {0};
    bool has_ports = false, is_first = true;
    trb_code code = TRB_OK;
    while (hosts.at && !code) {
        struct trb_slice host, port;
        if (!split_host(slice_split(&hosts, ','), &host, &port)) {
            code = bad(err, "an address of the URL is not host, host:port or [v6]:port");
            break;
        }
        text_adds(&names, is_first ? "" : ",");
        text_adds(&ports, is_first ? "" : ",");
        text_add(&names, host);
        text_add(&ports, port.at ? port : SLICE(""));
        has_ports = has_ports || port.len;
        is_first = false;
    }
    if (!code)
        code = set_decoded(t, "host", text_slice(&names), room, err);
    if (!code && has_ports)
        code = pg_target_set(t, "port", text_slice(&ports), err);
    text_fini(&names);
    text_fini(&ports);
    return code;
}

static trb_code read_parameters(struct pg_target *t, struct trb_slice all, char *room, struct trb_error *err)
{
    while (all.at) {
        struct trb_slice value = slice_split(&all, '&'), name = slice_split(&value, '=');
        size_t len;
        if (!name.len && !value.at)
            continue;
        char *word = mem_text(name.at, name.len);
        trb_code code = TRB_OK;
        if (!percent_decode(value.at ? value : SLICE(""), true, room, &len))
            code = bad(err, "the URL holds a malformed %-escape");
        else
            code = pg_target_set(t, word, slice_from(room, len), err);
        mem_free(word);
        if (code)
            return code;
    }
    return TRB_OK;
}

static trb_code read_url(struct pg_target *t, struct trb_slice s, char *room, struct trb_error *err)
{
    struct trb_slice parameters = s, place = slice_split(&parameters, '?');
    struct trb_slice database = place, hosts = slice_split(&database, '/');
    const char *at = hosts.len ? memrchr(hosts.at, '@', hosts.len) : NULL;
    trb_code code = TRB_OK;
    if (at) {
        code = read_user(t, slice_cut(hosts, (size_t)(at - hosts.at)), room, err);
        hosts = slice_skip(hosts, (size_t)(at - hosts.at) + 1);
    }
    if (!code)
        code = read_hosts(t, hosts, room, err);
    if (!code)
        code = set_decoded(t, "dbname", database, room, err);
    return code ? code : read_parameters(t, parameters, room, err);
}

trb_code pg_target_read(struct pg_target *t, struct trb_slice text, struct trb_error *err)
{
    struct trb_slice s = slice_trim(text);
    bool is_short = slice_starts(s, SLICE("postgres://")), is_long = slice_starts(s, SLICE("postgresql://"));
    char *room = mem_alloc(s.len + 1);
    trb_code code = is_short || is_long ? read_url(t, slice_skip(s, is_short ? 11 : 13), room, err) : read_words(t, s, room, err);
    mem_wipe(room, s.len + 1);
    mem_free(room);
    return code;
}

/* dsn: split as the driver splits, then each parameter by a table; what cannot be served is refused. */
#include "dsn.h"
#include <base/clock.h>
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <ctype.h>

#define BAD(err, ...) trb_error((err), TRB_INVALID, "BAD_CONNECTION_STRING", "connectionString: " __VA_ARGS__)

static char *kept(struct trb_slice s)
{
    return mem_text(s.at ? s.at : "", s.len);
}

static bool find_last(struct trb_slice s, char c, size_t *ret_at)
{
    const char *found = s.len ? memrchr(s.at, c, s.len) : NULL;
    if (found)
        *ret_at = (size_t)(found - s.at);
    return found;
}

/* ----------------------------------------------------------------------------------- the address */
static trb_code take_port(struct dsn *d, struct trb_slice port, struct trb_error *err)
{
    uint64_t number;
    if (!slice_to_u64(port, &number) || !number || number > 65535)
        return BAD(err, "the port in tcp(…) is no number from 1 to 65535");
    d->port = (uint32_t)number;
    return TRB_OK;
}

/* host, host:port, [v6], [v6]:port */
static trb_code take_host(struct dsn *d, struct trb_slice address, struct trb_error *err)
{
    struct trb_slice host = address, port = {0};
    size_t colon;
    if (address.len && *address.at == '[') {
        const char *close = memchr(address.at, ']', address.len);
        if (!close)
            return BAD(err, "tcp([…) has no closing bracket");
        host = slice_from(address.at + 1, (size_t)(close - address.at) - 1);
        port = slice_skip(address, host.len + 2);
        if (port.len && *port.at != ':')
            return BAD(err, "behind the bracket in tcp([…]…) only :port may follow");
        port = port.len ? slice_skip(port, 1) : (struct trb_slice){0};
    } else if (find_last(address, ':', &colon)) {
        host = slice_cut(address, colon);
        port = slice_skip(address, colon + 1);
        if (memchr(host.at, ':', host.len))
            return BAD(err, "an IPv6 address stands in brackets: tcp([::1]:3306)");
    }
    if (memchr(host.at ? host.at : "", 0, host.len))
        return BAD(err, "the host holds a NUL");
    d->host = host.len ? kept(host) : mem_text("127.0.0.1", 9);
    return port.at ? take_port(d, port, err) : TRB_OK;
}

static trb_code take_address(struct dsn *d, struct trb_slice s, struct trb_error *err)
{
    struct trb_slice network = s, address = {0};
    const char *open = s.len ? memchr(s.at, '(', s.len) : NULL;
    if (open) {
        network.len = (size_t)(open - s.at);
        if (s.at[s.len - 1] != ')')
            return BAD(err, "the address is not closed: network(address)/; did a / or @ in the password mislead?");
        address = slice_from(open + 1, s.len - network.len - 2);
    }
    if (slice_is(network, SLICE("unix"))) {
        d->socket = address.len ? kept(address) : mem_text("/tmp/mysql.sock", 15);
        return TRB_OK;
    }
    if (network.len && !slice_is(network, SLICE("tcp")))
        return BAD(err, "the network is neither tcp nor unix: write user:password@tcp(host:port)/");
    return take_host(d, address, err);
}

static void take_user(struct dsn *d, struct trb_slice s)
{
    const char *colon = s.len ? memchr(s.at, ':', s.len) : NULL;
    size_t len = colon ? (size_t)(colon - s.at) : s.len;
    d->user = kept(slice_cut(s, len));
    d->password = kept(colon ? slice_skip(s, len + 1) : SLICE(""));
}

/* -------------------------------------------------------------------------------- the parameters */
typedef trb_code taker(struct dsn *, const char *name, struct trb_slice value, struct trb_error *);

static bool read_bool(struct trb_slice v, bool *ret)
{
    static const char *const yes[] = {"1", "true", "TRUE", "True"}, *const no[] = {"0", "false", "FALSE", "False"};
    for (size_t n = 0; n < 4; n++)
        if (slice_is(v, slice_of(yes[n])) || slice_is(v, slice_of(no[n]))) {
            *ret = slice_is(v, slice_of(yes[n]));
            return true;
        }
    return false;
}

static trb_code flag(const char *name, struct trb_slice v, bool *ret, struct trb_error *err)
{
    return read_bool(v, ret) ? TRB_OK : BAD(err, "%s is neither true nor false", name);
}

static trb_code take_any_flag(struct dsn *d, const char *name, struct trb_slice v, struct trb_error *err)
{
    bool unused;
    return flag(name, v, &unused, err);
}

static trb_code take_off_flag(struct dsn *d, const char *name, struct trb_slice v, struct trb_error *err)
{
    bool on = false;
    trb_code code = flag(name, v, &on, err);
    return code || !on ? code : BAD(err, "%s=true is not supported: leave it out", name);
}

static trb_code take_compress(struct dsn *d, const char *name, struct trb_slice v, struct trb_error *err)
{
    return flag(name, v, &d->compress, err);
}

static trb_code take_cleartext(struct dsn *d, const char *name, struct trb_slice v, struct trb_error *err)
{
    return flag(name, v, &d->cleartext, err);
}

static trb_code duration(const char *name, struct trb_slice v, int64_t *ret, struct trb_error *err)
{
    int64_t ns;
    if (!clock_parse_duration(v, &ns) || ns < 0)
        return BAD(err, "%s is no duration like 5s", name);
    *ret = ns;
    return TRB_OK;
}

static trb_code take_timeout(struct dsn *d, const char *name, struct trb_slice v, struct trb_error *err)
{
    return duration(name, v, &d->connect_timeout_ns, err);
}

static trb_code take_read_timeout(struct dsn *d, const char *name, struct trb_slice v, struct trb_error *err)
{
    return duration(name, v, &d->read_timeout_ns, err);
}

static trb_code take_write_timeout(struct dsn *d, const char *name, struct trb_slice v, struct trb_error *err)
{
    return duration(name, v, &d->write_timeout_ns, err);
}

static trb_code take_tls(struct dsn *d, const char *name, struct trb_slice v, struct trb_error *err)
{
    bool on;
    if (read_bool(v, &on))
        d->tls = on ? DSN_TLS_VERIFY : DSN_TLS_OFF;
    else if (slice_is_nocase(v, SLICE("skip-verify")))
        d->tls = DSN_TLS_SKIP_VERIFY;
    else if (slice_is_nocase(v, SLICE("preferred")))
        d->tls = DSN_TLS_PREFERRED;
    else if (slice_is(v, SLICE("custom")))
        d->tls = DSN_TLS_CUSTOM;
    else
        return BAD(err, "tls is one of true, false, skip-verify, preferred and custom");
    return TRB_OK;
}

/* A list of character sets: the first that the server knows. Ours is utf8mb4, which every server knows. */
static trb_code take_charset(struct dsn *d, const char *name, struct trb_slice v, struct trb_error *err)
{
    while (v.at)
        if (slice_is_nocase(slice_split(&v, ','), SLICE("utf8mb4")))
            return TRB_OK;
    return BAD(err, "charset must be utf8mb4: keys and values are UTF-8");
}

static bool is_word(struct trb_slice s)
{
    for (size_t n = 0; n < s.len; n++)
        if (!isalnum((unsigned char)s.at[n]) && s.at[n] != '_' && s.at[n] != '.')
            return false;
    return s.len;
}

static trb_code take_collation(struct dsn *d, const char *name, struct trb_slice v, struct trb_error *err)
{
    if (!is_word(v))
        return BAD(err, "collation is no name of a collation");
    mem_free(d->collation);
    d->collation = kept(v);
    return TRB_OK;
}

static trb_code take_nothing(struct dsn *d, const char *name, struct trb_slice v, struct trb_error *err)
{
    return TRB_OK;
}

static trb_code refuse(struct dsn *d, const char *name, struct trb_slice v, struct trb_error *err)
{
    return BAD(err, "%s is not supported: leave it out", name);
}

static const struct { const char *name; taker *take; } parameters[] = {
    {"allowAllFiles", take_off_flag}, {"allowCleartextPasswords", take_cleartext},
    {"allowFallbackToPlaintext", take_any_flag}, {"allowNativePasswords", take_any_flag},
    {"allowOldPasswords", take_off_flag}, {"charset", take_charset}, {"checkConnLiveness", take_any_flag},
    {"clientFoundRows", take_any_flag}, {"collation", take_collation}, {"columnsWithAlias", take_any_flag},
    {"compress", take_compress}, {"connectionAttributes", take_nothing}, {"interpolateParams", take_any_flag},
    {"loc", take_nothing}, {"maxAllowedPacket", take_nothing}, {"multiStatements", take_any_flag},
    {"parseTime", take_any_flag}, {"readTimeout", take_read_timeout}, {"rejectReadOnly", take_any_flag},
    {"serverPubKey", refuse}, {"timeout", take_timeout}, {"timeTruncate", take_nothing}, {"tls", take_tls},
    {"writeTimeout", take_write_timeout},
};

/* Any other name is a variable of the session; its value is SQL, as with the driver. */
static trb_code take_variable(struct dsn *d, struct trb_slice name, struct trb_slice value, struct trb_error *err)
{
    struct text t = {0};
    if (!is_word(name) || !value.len || memchr(value.at, 0, value.len) || memchr(value.at, ';', value.len))
        return BAD(err, "a parameter is neither one of the driver's nor a session variable like time_zone=%%27%%2B00:00%%27");
    if (d->variables)
        text_addf(&t, "%s, ", d->variables);
    text_addf(&t, "%.*s=%.*s", SLICE_ARG(name), SLICE_ARG(value));
    mem_free(d->variables);
    d->variables = t.at;
    return TRB_OK;
}

static trb_code take_parameter(struct dsn *d, struct trb_slice one, struct trb_error *err)
{
    struct trb_slice raw = one, name = slice_split(&raw, '=');
    if (!one.len)
        return TRB_OK;
    if (!raw.at)
        return BAD(err, "a parameter has no value: write name=value");
    char *decoded = mem_alloc(raw.len + 1);
    struct trb_slice value = slice_from(decoded, 0);
    trb_code code = percent_decode(raw, true, decoded, &value.len) ? TRB_OK : BAD(err, "a %% begins no escape");
    taker *take = NULL;
    for (size_t n = 0; n < sizeof parameters / sizeof *parameters && !code && !take; n++)
        if (slice_is(name, slice_of(parameters[n].name)))
            code = (take = parameters[n].take)(d, parameters[n].name, value, err);
    if (!code && !take)
        code = take_variable(d, name, value, err);
    mem_free(decoded);
    return code;
}

/* ------------------------------------------------------------------------------------- the whole */
static trb_code take_database(struct dsn *d, struct trb_slice s, struct trb_error *err)
{
    char *decoded = mem_alloc(s.len + 1);
    size_t len = 0;
    bool is_fine = percent_decode(s, false, decoded, &len);
    d->database = kept(slice_from(decoded, is_fine ? len : 0));
    mem_free(decoded);
    return is_fine ? TRB_OK : BAD(err, "a %% in the database begins no escape");
}

static trb_code parse(struct dsn *d, struct trb_slice text, struct trb_error *err)
{
    size_t slash, at;
    trb_code code;
    if (memchr(text.at ? text.at : "", 0, text.len))
        return BAD(err, "it holds a NUL");
    if (!find_last(text, '/', &slash))
        return BAD(err, "there is no / behind the address: write user:password@tcp(host:port)/");
    struct trb_slice left = slice_cut(text, slash), rest = slice_skip(text, slash + 1);
    bool has_user = find_last(left, '@', &at);
    take_user(d, slice_cut(left, has_user ? at : 0));
    if ((code = take_address(d, has_user ? slice_skip(left, at + 1) : left, err)) ||
        (code = take_database(d, slice_split(&rest, '?'), err)))
        return code;
    while (rest.at && !code)
        code = take_parameter(d, slice_split(&rest, '&'), err);
    return code;
}

trb_code dsn_parse(struct dsn *d, struct trb_slice text, struct trb_error *err)
{
    *d = (struct dsn){.port = 3306};
    trb_code code = parse(d, text, err);
    if (code)
        dsn_fini(d);
    return code;
}

void dsn_fini(struct dsn *d)
{
    if (d->password)
        mem_wipe(d->password, strlen(d->password));
    char *const all[] = {d->user, d->password, d->host, d->socket, d->database, d->collation, d->variables};
    for (size_t n = 0; n < sizeof all / sizeof *all; n++)
        mem_free(all[n]);
    *d = (struct dsn){0};
}

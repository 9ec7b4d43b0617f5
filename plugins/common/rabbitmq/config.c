/* config: see config.h. amqp://user:password@host:port/vhost?heartbeat=10&connection_timeout=5000 */
#include <base/codec.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <rabbitmq/config.h>
#include <stdio.h>
#include <trilby/inline.h>

#define PLAIN_PORT 5672u
#define TLS_PORT 5671u
#define SECOND 1000000000ll
#define MS 1000000ll
#define DIAL_NS (4 * SECOND)                /* less than a component has to start, so that the reason is told */

static trb_code wrong(struct trb_error *err, const char *sentence)
{
    return error_set(err, TRB_INVALID, "BAD_OPTION", "%s", sentence);
}

/* A copy without %XX; NULL: a broken one, or a NUL. */
static char *unescaped(struct trb_slice s)
{
    char *copy = mem_zero(s.len + 1);
    size_t len;
    return percent_decode(s, false, copy, &len) && strlen(copy) == len ? copy : mem_free(copy);
}

static trb_code read_scheme(struct rabbit_config *c, struct trb_slice *rest, struct trb_error *err)
{
    bool is_tls = slice_starts_nocase(*rest, SLICE("amqps://"));
    if (!is_tls && !slice_starts_nocase(*rest, SLICE("amqp://")))
        return wrong(err, "connectionString must begin with amqp:// or amqps://");
    if (c->protocol && !slice_is(slice_of(c->protocol), is_tls ? SLICE("amqps") : SLICE("amqp")))
        return wrong(err, "protocol differs from that of connectionString");
    *rest = slice_skip(*rest, is_tls ? 8 : 7);
    c->tls = is_tls;
    return TRB_OK;
}

static trb_code read_host(struct rabbit_config *c, struct trb_slice where, struct trb_error *err)
{
    uint64_t port = c->tls ? TLS_PORT : PLAIN_PORT;
    struct trb_slice host, rest = where, number = {0};
    if (where.len && where.at[0] == '[') {
        host = slice_skip(slice_split(&rest, ']'), 1);
        if (!rest.at || (rest.len && rest.at[0] != ':'))
            return wrong(err, "the host of connectionString has a '[' without its ']'");
        number = rest.len ? slice_skip(rest, 1) : number;
    } else {
        host = slice_split(&rest, ':');
        number = rest;
    }
    if (number.len && (!slice_to_u64(number, &port) || !port || port > 65535))
        return wrong(err, "the port of the broker is not a number between 1 and 65535");
    c->port = (uint32_t)port;
    c->host = host.len ? unescaped(host) : mem_text("localhost", 9);
    return c->host ? TRB_OK : wrong(err, "the host of connectionString is not spelled right");
}

static trb_code read_account(struct rabbit_config *c, struct trb_slice account, struct trb_error *err)
{
    struct trb_slice user = slice_split(&account, ':');
    mem_free(c->user);
    mem_free(c->secret);
    c->user = unescaped(user);
    c->secret = unescaped(account);
    return c->user && c->secret ? TRB_OK : wrong(err, "user or password in connectionString has a broken %XX");
}

static trb_code read_parameter(struct rabbit_config *c, struct trb_slice name, struct trb_slice value, struct trb_error *err)
{
    uint64_t number;
    if (slice_is(name, SLICE("heartbeat")) && slice_to_u64(value, &number) && number < 65536)
        c->heartbeat_ns = (int64_t)number * SECOND;
    else if (slice_is(name, SLICE("connection_timeout")) && slice_to_u64(value, &number) && number && number < 1u << 31)
        c->dial_ns = (int64_t)number * MS;
    else if (slice_is(name, SLICE("server_name_indication")))
        c->server_name = unescaped(value);
    else if (slice_is(name, SLICE("auth_mechanism")) && slice_is_nocase(value, SLICE("external")))
        c->sasl_external = 1;
    else if (!slice_is(name, SLICE("auth_mechanism")) && !slice_is(name, SLICE("channel_max")))
        return error_set(err, TRB_INVALID, "BAD_OPTION",
                         "connectionString has the parameter '%.*s', which is not supported, or not with this value",
                         SLICE_ARG(slice_cut(name, 60)));
    return TRB_OK;
}

static trb_code read_query(struct rabbit_config *c, struct trb_slice query, struct trb_error *err)
{
    while (query.at) {
        struct trb_slice value = slice_split(&query, '&'), name = slice_split(&value, '=');
        if (name.len && read_parameter(c, name, value, err))
            return err->code;
    }
    return TRB_OK;
}

static trb_code read_uri(struct rabbit_config *c, struct trb_error *err)
{
    struct trb_slice query = slice_trim(slice_of(c->uri));
    if (read_scheme(c, &query, err))
        return err->code;
    struct trb_slice path = slice_split(&query, '?'), where = slice_split(&path, '/');
    const char *at = memrchr(where.at, '@', where.len);
    if (at) {
        if (read_account(c, slice_from(where.at, (size_t)(at - where.at)), err))
            return err->code;
        where = slice_skip(where, (size_t)(at + 1 - where.at));
    }
    if (path.len) {
        mem_free(c->vhost);
        c->vhost = unescaped(path);
        if (!c->vhost)
            return wrong(err, "the virtual host in connectionString has a broken %XX");
    }
    return read_host(c, where, err) ? err->code : read_query(c, query, err);
}

static trb_code read_options(struct rabbit_config *c, struct trb_error *err)
{
    struct trb_slice protocol = slice_of(c->protocol ? c->protocol : "amqp");
    c->tls = slice_is(protocol, SLICE("amqps"));
    if (!c->tls && !slice_is(protocol, SLICE("amqp")))
        return wrong(err, "protocol must be amqp or amqps");
    return read_host(c, slice_of(c->hostname ? c->hostname : "localhost"), err);
}

static trb_code check_tls(const struct rabbit_config *c, struct trb_error *err)
{
    const char *const pems[] = {c->ca_cert, c->client_cert, c->client_key};
    static const char *const names[] = {"caCert", "clientCert", "clientKey"};
    for (size_t i = 0; i < 3; i++)
        if (pems[i] && !strstr(pems[i], "-----BEGIN "))
            return error_set(err, TRB_INVALID, "BAD_OPTION", "%s is not PEM", names[i]);
    if (!c->client_cert != !c->client_key)
        return wrong(err, "clientCert and clientKey belong together");
    if (c->sasl_external && (!c->tls || !c->ca_cert || !c->client_cert))
        return wrong(err, "saslExternal needs amqps, caCert, clientCert and clientKey");
    return TRB_OK;
}

trb_code rabbit_config_check(struct rabbit_config *c, struct trb_error *err)
{
    struct trb_slice user = slice_of(c->username ? c->username : "guest");
    struct trb_slice secret = slice_of(c->password ? c->password : c->username ? "" : "guest");
    rabbit_config_fini(c);
    c->user = mem_text(user.at, user.len);
    c->secret = mem_text(secret.at, secret.len);
    c->vhost = mem_text("/", 1);
    c->dial_ns = DIAL_NS;
    if (c->uri ? read_uri(c, err) : read_options(c, err))
        return err->code;
    snprintf(c->name, sizeof c->name, "%s:%u", c->host, c->port);
    return check_tls(c, err);
}

void rabbit_config_fini(struct rabbit_config *c)
{
    if (c->secret)
        mem_wipe(c->secret, strlen(c->secret));
    c->host = mem_free(c->host);
    c->user = mem_free(c->user);
    c->secret = mem_free(c->secret);
    c->vhost = mem_free(c->vhost);
    c->server_name = mem_free(c->server_name);
}

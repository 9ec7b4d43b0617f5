/* config: what the connection options say together. */
#include <base/slice.h>
#include <redis/config.h>
#include <stdlib.h>

#define BAD "BAD_OPTION"

static trb_code refuse_unsupported(const struct redis_config *c, struct trb_error *err)
{
    if (c->entra)
        return trb_error(err, TRB_UNIMPLEMENTED, "UNSUPPORTED",
                         "useEntraID: signing in with Entra ID is not supported yet; use redisUsername and redisPassword");
    if (c->oidc)
        return trb_error(err, TRB_UNIMPLEMENTED, "UNSUPPORTED",
                         "useOIDC: signing in with an OIDC token is not supported yet; use redisUsername and redisPassword");
    return TRB_OK;
}

/* host, host:port, [v6]:port, a bare v6 address, or unix:/path. */
static bool split_address(struct trb_slice text, struct trb_slice *ret_host, struct trb_slice *ret_port)
{
    *ret_port = (struct trb_slice){0};
    *ret_host = text;
    if (slice_starts(text, SLICE("unix:")))
        return text.len > 5;
    const char *colon = memrchr(text.at, ':', text.len);
    if (text.len && text.at[0] == '[') {
        const char *end = memchr(text.at, ']', text.len);
        if (!end || (colon > end && colon != end + 1))
            return false;
        *ret_host = slice_from(text.at + 1, (size_t)(end - text.at) - 1);
        if (colon > end)
            *ret_port = slice_skip(text, (size_t)(colon - text.at) + 1);
        return ret_host->len > 0;
    }
    if (!colon || memchr(text.at, ':', (size_t)(colon - text.at)))
        return text.len > 0;
    *ret_host = slice_cut(text, (size_t)(colon - text.at));
    *ret_port = slice_skip(text, ret_host->len + 1);
    return ret_host->len > 0;
}

static trb_code add_address(struct redis_config *c, struct trb_slice text, struct trb_error *err)
{
    struct trb_slice host, port;
    uint64_t number = c->port > 0 ? (uint64_t)c->port : c->failover ? 26379 : 6379;
    struct redis_address *to = &c->addresses[c->address_count];
    if (c->address_count == REDIS_MAX_HOSTS)
        return trb_error(err, TRB_INVALID, BAD, "redisHost: at most %u addresses are taken", REDIS_MAX_HOSTS);
    if (!split_address(text, &host, &port) || host.len >= sizeof to->host)
        return trb_error(err, TRB_INVALID, BAD, "redisHost: '%.*s' is not host:port or unix:/path", SLICE_ARG(text));
    if (port.at && (!slice_to_u64(port, &number) || !number || number > 65535))
        return trb_error(err, TRB_INVALID, BAD, "redisHost: '%.*s' has no port between 1 and 65535", SLICE_ARG(text));
    if (port.at && c->port > 0 && number != (uint64_t)c->port)
        return trb_error(err, TRB_INVALID, BAD, "redisHost says port %llu and redisPort says %lld; say one of them",
                         (unsigned long long)number, (long long)c->port);
    memcpy(to->host, host.at, host.len);
    to->host[host.len] = 0;
    to->port = (uint32_t)number;
    c->address_count++;
    return TRB_OK;
}

static trb_code add_addresses(struct redis_config *c, struct trb_error *err)
{
    struct trb_slice rest = slice_trim(slice_of(c->host));
    c->address_count = 0;
    while (rest.at) {
        struct trb_slice one = slice_trim(slice_split(&rest, ','));
        trb_code code = one.len ? add_address(c, one, err) : TRB_OK;
        if (code)
            return code;
    }
    if (!c->address_count)
        return trb_error(err, TRB_INVALID, BAD, "redisHost: no address is given");
    if (c->address_count > 1 && c->type == REDIS_TYPE_NODE && !c->failover)
        return trb_error(err, TRB_INVALID, BAD, "redisHost: several addresses need redisType 'cluster' or failover 'true'");
    return TRB_OK;
}

static trb_code check_pairs(const struct redis_config *c, struct trb_error *err)
{
    if (!c->client_cert != !c->client_key)
        return trb_error(err, TRB_INVALID, BAD, "clientCert and clientKey are given both or neither");
    if (c->failover && !c->sentinel_master)
        return trb_error(err, TRB_INVALID, BAD, "sentinelMasterName is required with failover");
    if (c->failover && c->type == REDIS_TYPE_CLUSTER)
        return trb_error(err, TRB_INVALID, BAD, "failover and redisType 'cluster' exclude each other");
    if (c->username && !c->password)
        return trb_error(err, TRB_INVALID, BAD, "redisUsername needs redisPassword");
    return TRB_OK;
}

static void fill_times(struct redis_config *c)
{
    if (!c->min_retry_ns && c->max_retry_backoff_ns > 0)
        c->min_retry_ns = c->max_retry_backoff_ns;
    if (c->min_retry_ns <= 0)
        c->min_retry_ns = 8 * REDIS_MS;
    if (c->max_retry_ns <= 0)
        c->max_retry_ns = 512 * REDIS_MS;
    if (c->max_retry_ns < c->min_retry_ns)
        c->max_retry_ns = c->min_retry_ns;
    if (c->dial_timeout_ns <= 0)
        c->dial_timeout_ns = 5000 * REDIS_MS;
}

trb_code redis_config_check(struct redis_config *c, struct trb_error *err)
{
    trb_code code = refuse_unsupported(c, err);
    if (!code)
        code = check_pairs(c, err);
    if (!code)
        code = add_addresses(c, err);
    fill_times(c);
    return code;
}

/* endpoint: reading one as people write it. */
#include <base/slice.h>
#include <grpc/grpc.h>
#include <stdio.h>

#define BAD "BAD_OPTION"

static bool take_scheme(struct trb_slice *text, struct trb_slice scheme)
{
    bool has = slice_starts_nocase(*text, scheme);
    if (has)
        *text = slice_skip(*text, scheme.len);
    return has;
}

static bool split(struct trb_slice text, struct trb_slice *ret_host, struct trb_slice *ret_port)
{
    *ret_host = text;
    *ret_port = (struct trb_slice){0};
    const char *colon = text.len ? memrchr(text.at, ':', text.len) : NULL;
    if (text.len && text.at[0] == '[') {
        const char *end = memchr(text.at, ']', text.len);
        if (!end || (end + 1 != text.at + text.len && end + 1 != colon))
            return false;
        *ret_host = slice_from(text.at + 1, (size_t)(end - text.at) - 1);
        if (end + 1 == colon)
            *ret_port = slice_skip(text, (size_t)(colon - text.at) + 1);
    } else if (colon && !memchr(text.at, ':', (size_t)(colon - text.at))) {
        *ret_host = slice_cut(text, (size_t)(colon - text.at));
        *ret_port = slice_skip(text, ret_host->len + 1);
    }
    return ret_host->len > 0 && !memchr(ret_host->at, '/', ret_host->len);
}

static void keep(struct grpc_endpoint *to, struct trb_slice host, uint64_t port)
{
    bool is_v6 = memchr(host.at, ':', host.len);
    snprintf(to->host, sizeof to->host, "%.*s", SLICE_ARG(host));
    snprintf(to->text, sizeof to->text, is_v6 ? "[%.*s]:%llu" : "%.*s:%llu", SLICE_ARG(host), (unsigned long long)port);
    to->port = (uint32_t)port;
}

static void keep_path(struct grpc_endpoint *to, struct trb_slice path)
{
    while (slice_starts(path, SLICE("//")))
        path = slice_skip(path, 1);
    snprintf(to->host, sizeof to->host, "unix:%.*s", SLICE_ARG(path));
    snprintf(to->text, sizeof to->text, "unix:%.*s", SLICE_ARG(path));
}

trb_code grpc_config_add(struct grpc_config *c, const char *option, struct trb_slice given, uint32_t default_port,
                         struct trb_error *err)
{
    struct trb_slice text = given, host, port;
    uint64_t number = default_port;
    if (c->endpoint_count == GRPC_MAX_ENDPOINTS)
        return trb_error(err, TRB_INVALID, BAD, "%s: at most %u endpoints are taken", option, GRPC_MAX_ENDPOINTS);
    struct grpc_endpoint *to = &c->endpoints[c->endpoint_count];
    if (given.len > 200)
        return trb_error(err, TRB_INVALID, BAD, "%s: '%.*s' is too long", option, SLICE_ARG(given));
    if (take_scheme(&text, SLICE("https://")))
        c->tls = 1;
    else
        take_scheme(&text, SLICE("http://"));
    if (slice_ends(text, SLICE("/")) && !slice_starts(text, SLICE("unix:")))
        text = slice_cut(text, text.len - 1);
    if (slice_starts(text, SLICE("unix:")) && text.len > 5) {
        keep_path(to, slice_skip(text, 5));
    } else if (!split(text, &host, &port)) {
        return trb_error(err, TRB_INVALID, BAD, "%s: '%.*s' is not host:port", option, SLICE_ARG(given));
    } else if (port.at && (!slice_to_u64(port, &number) || !number || number > 65535)) {
        return trb_error(err, TRB_INVALID, BAD, "%s: '%.*s' has no port between 1 and 65535", option, SLICE_ARG(given));
    } else {
        keep(to, host, number);
    }
    c->endpoint_count++;
    return TRB_OK;
}

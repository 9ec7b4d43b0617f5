/* config: what the options of MQTT say together. The URL may hold a password: it is never repeated in a sentence. */
#include <base/mem.h>
#include <base/slice.h>
#include <mqtt/config.h>
#include <mqtt/packet.h>

#define BAD "BAD_OPTION"

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* %XX is a byte. NULL: it is not that, or too long for MQTT. */
static char *decoded(struct trb_slice s)
{
    char *text = mem_alloc(s.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (c == '%') {
            int high = i + 2 < s.len ? hex(s.at[i + 1]) : -1, low = high >= 0 ? hex(s.at[i + 2]) : -1;
            c = (char)(high * 16 + low);
            i += 2;
            if (low < 0 || !c)
                return mem_free(text);
        }
        text[len++] = c;
    }
    text[len] = 0;
    return len <= MQTT_MAX_TEXT ? text : mem_free(text);
}

static bool read_user(struct mqtt_config *c, struct trb_slice s)
{
    const char *colon = memchr(s.at, ':', s.len);
    c->user = decoded(colon ? slice_cut(s, (size_t)(colon - s.at)) : s);
    if (colon)
        c->password = decoded(slice_skip(s, (size_t)(colon - s.at) + 1));
    return c->user && (!colon || c->password);
}

/* host, host:port, [v6], [v6]:port */
static bool read_place(struct mqtt_config *c, struct trb_slice s)
{
    struct trb_slice host = s, port = {0};
    uint64_t number = c->tls ? 8883 : 1883;
    const char *end = s.len && s.at[0] == '[' ? memchr(s.at, ']', s.len) : NULL;
    const char *colon = memrchr(s.at, ':', s.len);
    if (s.len && s.at[0] == '[') {
        if (!end || (colon > end && colon != end + 1) || (colon < end && end + 1 != s.at + s.len))
            return false;
        host = slice_from(s.at + 1, (size_t)(end - s.at) - 1);
    } else if (colon) {
        host = slice_cut(s, (size_t)(colon - s.at));
    }
    if (colon && (!end || colon > end))
        port = slice_skip(s, (size_t)(colon - s.at) + 1);
    if (!host.len || host.len > 255 || memchr(host.at, 0, host.len) || (!end && memchr(host.at, ':', host.len)))
        return false;
    if (port.at && (!slice_to_u64(port, &number) || !number || number > 65535))
        return false;
    c->host = mem_text(host.at, host.len);
    c->port = (uint32_t)number;
    return true;
}

static trb_code read_scheme(struct mqtt_config *c, struct trb_slice *rest, struct trb_error *err)
{
    static const struct {
        const char *name;
        uint32_t tls;
    } schemes[] = {{"tcp", 0}, {"mqtt", 0}, {"ssl", 1}, {"tls", 1}, {"mqtts", 1}, {"tcps", 1}};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t len = strlen(schemes[i].name);
        if (rest->len <= len + 3 || !slice_starts_nocase(*rest, slice_of(schemes[i].name)) || memcmp(rest->at + len, "://", 3))
            continue;
        c->tls = schemes[i].tls;
        *rest = slice_skip(*rest, len + 3);
        return TRB_OK;
    }
    if (slice_starts_nocase(*rest, SLICE("ws://")) || slice_starts_nocase(*rest, SLICE("wss://")))
        return trb_error(err, TRB_UNIMPLEMENTED, "UNSUPPORTED",
                         "url: MQTT over WebSocket (ws, wss) is not served; use mqtt:// or mqtts:// and the broker's port for it");
    return trb_error(err, TRB_INVALID, BAD, "url: expects tcp://, mqtt://, ssl://, tls://, mqtts:// or tcps:// and a broker");
}

static trb_code read_url(struct mqtt_config *c, struct trb_error *err)
{
    struct trb_slice rest = slice_trim(slice_of(c->url));
    trb_code code = read_scheme(c, &rest, err);
    if (code)
        return code;
    for (size_t i = 0; i < rest.len; i++)
        if (strchr("/?#", rest.at[i]))
            rest.len = i;                       /* a path says nothing here */
    const char *at = memrchr(rest.at, '@', rest.len);
    if (at && !read_user(c, slice_cut(rest, (size_t)(at - rest.at))))
        return trb_error(err, TRB_INVALID, BAD, "url: user or password is not what %%-escapes can say");
    if (!read_place(c, at ? slice_skip(rest, (size_t)(at - rest.at) + 1) : rest))
        return trb_error(err, TRB_INVALID, BAD, "url: the broker is not host or host:port with a port between 1 and 65535");
    return TRB_OK;
}

static trb_code check_pem(const char *name, const char *value, struct trb_error *err)
{
    if (!value || slice_starts(slice_trim(slice_of(value)), SLICE("-----BEGIN ")))
        return TRB_OK;
    return trb_error(err, TRB_INVALID, BAD, "%s: expects PEM text, not a path", name);
}

trb_code mqtt_config_check(struct mqtt_config *c, struct trb_error *err)
{
    trb_code code = check_pem("caCert", c->ca_cert, err);
    if (!code)
        code = check_pem("clientCert", c->client_cert, err);
    if (!code)
        code = check_pem("clientKey", c->client_key, err);
    if (!code && !c->client_cert != !c->client_key)
        code = trb_error(err, TRB_INVALID, BAD, "clientCert and clientKey are given both or neither");
    return code ? code : read_url(c, err);
}

void mqtt_config_fini(struct mqtt_config *c)
{
    if (c->password)
        mem_wipe(c->password, strlen(c->password));
    c->host = mem_free(c->host);
    c->user = mem_free(c->user);
    c->password = mem_free(c->password);
}

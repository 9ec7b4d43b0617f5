/* address: one of three ways to name the server, put together. */
#include "address.h"
#include <base/slice.h>
#include <ctype.h>

static bool is_said(const char *text)
{
    return text && text[0];
}

static bool can_stand(const char *at)
{
    for (; *at; at++)
        if (*at == '%' ? !(isxdigit((unsigned char)at[1]) && isxdigit((unsigned char)at[2])) : strchr(":/?#[]@ ", *at) != NULL)
            return false;
    return true;
}

static void add_word(struct text *t, const char *word)
{
    if (can_stand(word))
        text_adds(t, word);
    else
        text_add_escaped(t, slice_of(word), "-._~!$&'()*+,;=");
}

static void add_user(const struct address *a, struct text *t)
{
    if (!is_said(a->username))
        return;
    add_word(t, a->username);
    if (is_said(a->password)) {
        text_addc(t, ':');
        add_word(t, a->password);
    }
    text_addc(t, '@');
}

static trb_code refuse(struct trb_error *err, const char *why)
{
    return trb_error(err, TRB_INVALID, "BAD_OPTION", "%s", why);
}

trb_code address_make(const struct address *a, struct text *ret_uri, struct trb_error *err)
{
    bool is_uri = is_said(a->connection), has_server = is_said(a->server), has_host = is_said(a->host);
    if (is_uri) {
        text_adds(ret_uri, a->connection);
        return TRB_OK;
    }
    if (!has_server && !has_host)
        return refuse(err, "one of connectionString, server and host is needed");
    if (has_server && has_host)
        return refuse(err, "server and host exclude each other: server is a name for DNS SRV, host a list of host:port");
    if (is_said(a->password) && !is_said(a->username))
        return refuse(err, "there is a password, but no username");
    text_adds(ret_uri, has_server ? "mongodb+srv://" : "mongodb://");
    add_user(a, ret_uri);
    text_adds(ret_uri, has_server ? a->server : a->host);
    text_addf(ret_uri, "/%s", has_server ? "" : a->database);
    if (is_said(a->params))
        text_addf(ret_uri, "%s%s", a->params[0] == '?' ? "" : "?", a->params);
    return TRB_OK;
}

/* guard: peer credentials on a Unix socket; token and Host on TCP; the absence of a browser on both. */
#include <admin/guard.h>
#include <base/error.h>
#include <base/slice.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static trb_code check_file(int fd, const char *path, struct trb_error *err)
{
    struct stat st;
    if (fstat(fd, &st))
        return error_errno(err, errno, path);
    if (!S_ISREG(st.st_mode) || st.st_mode & (S_IRWXG | S_IRWXO) || (st.st_uid != geteuid() && st.st_uid != 0))
        return error_set(err, TRB_DENIED, "ADMIN_TOKEN_FILE",
                         "the admin token file %s must be a plain file that only its owner can read: chmod 600 it", path);
    return TRB_OK;
}

static trb_code keep_token(struct guard *g, struct trb_slice text, const char *path, struct trb_error *err)
{
    struct trb_slice token = slice_trim(text);
    if (token.len < 16 || token.len >= sizeof g->token)
        return error_set(err, TRB_INVALID, "ADMIN_TOKEN_FILE", "the admin token in %s must have 16 to 256 characters", path);
    memcpy(g->token, token.at, token.len);
    g->token_len = token.len;
    return TRB_OK;
}

trb_code guard_read_token(struct guard *g, const char *path, struct trb_error *err)
{
    char text[512];
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, path);
    trb_code code = check_file(fd, path, err);
    ssize_t len = code ? 0 : read(fd, text, sizeof text);
    if (!code && len < 0)
        code = error_errno(err, errno, path);
    close(fd);
    if (!code)
        code = keep_token(g, slice_from(text, (size_t)len), path, err);
    explicit_bzero(text, sizeof text);
    return code;
}

void guard_wipe(struct guard *g)
{
    explicit_bzero(g->token, sizeof g->token);
}

static bool is_loopback(struct trb_slice host)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct trb_slice name = slice_of(names[i]), rest;
        if (!slice_starts_nocase(host, name))
            continue;
        rest = slice_skip(host, name.len);
        if (!rest.len || rest.at[0] == ':')
            return true;
    }
    return false;
}

static bool has_token(const struct guard *g, struct exchange *x)
{
    struct trb_slice said = http_header_get(&x->request.headers, SLICE("authorization"));
    return slice_starts_nocase(said, SLICE("Bearer ")) && slice_is_secret(slice_skip(said, 7), slice_from(g->token, g->token_len));
}

/* A form of a web page, or a script there that did not ask first, sends one of these or none at all. */
static bool is_forms_type(struct trb_slice type)
{
    static const char *const types[] = {"", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain"};
    struct trb_slice plain = slice_trim(slice_split(&type, ';'));
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (slice_is_nocase(plain, slice_of(types[i])))
            return true;
    return false;
}

static bool is_meant(const struct http_head *q)
{
    return slice_is(q->method, SLICE("GET")) || http_header_get(&q->headers, SLICE("x-trilby-admin")).len ||
           !is_forms_type(http_header_get(&q->headers, SLICE("content-type")));
}

bool guard_admits(const struct guard *g, struct exchange *x, struct trb_error *err)
{
    const struct connection_info *who = exchange_connection(x);
    const char *why = NULL;
    trb_code code = TRB_DENIED;
    if (g->is_unix && !(who->has_uid && (who->uid == geteuid() || who->uid == 0)))
        why = "only the user that runs the sidecar may use its admin socket";
    else if (!g->is_unix && !is_loopback(x->request.authority))
        why = "the Host of an admin request must be localhost, 127.0.0.1 or [::1]";
    else if (http_header_get(&x->request.headers, SLICE("origin")).at)
        why = "the admin API is not for browsers: no Origin is accepted";
    else if (!g->is_unix && !has_token(g, x))
        why = "the admin token is missing or wrong: send Authorization: Bearer with the token of --admin-token-file",
        code = TRB_UNAUTHENTICATED;
    else if (!is_meant(&x->request))
        why = "a change needs the header X-Trilby-Admin: 1, or a Content-Type that no form of a web page sends, such as application/yaml";
    if (why)
        error_set(err, code, "ADMIN_REFUSED", "%s", why);
    return !why;
}

/* configuration_text: what stands in a file, and what the environment makes of it. */
#include <base/mem.h>
#include <config/configuration_read.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- files ----------------------------------------------------------------------------------- */

static trb_code refuse_file(const char *what, const char *file, int number, struct trb_error *err)
{
    char why[128];
    snprintf(why, sizeof why, "%s", strerrordesc_np(number) ? strerrordesc_np(number) : "unknown error");
    why[0] = (char)(why[0] | 0x20);            /* "no such file or directory" */
    return error_set(err, TRB_NOT_FOUND, "CONFIGURATION", CONFIGURATION_PREFIX "%s %s: %s", what, file, why);
}

/* One byte beyond the limit is read, so that a longer file is refused and not cut. */
static bool read_all(int fd, struct text *ret_text)
{
    char piece[16384];
    ssize_t n = 0;
    while (ret_text->len <= YAML_MAX_BYTES && (n = read(fd, piece, sizeof piece)) > 0)
        text_add(ret_text, slice_from(piece, (size_t)n));
    return n >= 0;
}

trb_code configuration_read_file(const char *file, struct text *ret_text, struct trb_error *err)
{
    struct stat about;
    if (stat(file, &about) < 0)
        return refuse_file("stat", file, errno, err);
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return refuse_file("open", file, errno, err);
    bool good = read_all(fd, ret_text);
    int number = errno;
    close(fd);
    return good ? TRB_OK : refuse_file("read", file, number, err);
}

/* --- $NAME and ${NAME} ------------------------------------------------------------------------ */

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_special(char c)
{
    return (c >= '0' && c <= '9') || (c && strchr("*#$@!?-", c));
}

/* What stands behind a dollar: how much of it belongs to the name, and the name. Without a name and
 * without a length the dollar is only a dollar; with a length, what it covers is dropped. */
static struct trb_slice name_behind(struct trb_slice s, size_t *ret_len)
{
    size_t n = 0;
    *ret_len = 0;
    if (!s.len)
        return slice_cut(s, 0);
    if (s.at[0] == '{') {
        const char *end = memchr(s.at, '}', s.len);
        *ret_len = end ? (size_t)(end - s.at) + 1 : 1;
        return end ? slice_from(s.at + 1, (size_t)(end - s.at) - 1) : slice_cut(s, 0);
    }
    if (is_special(s.at[0]))
        n = 1;
    while (!is_special(s.at[0]) && n < s.len && is_name_char(s.at[n]))
        n++;
    *ret_len = n;
    return slice_cut(s, n);
}

static void add_variable(struct text *t, struct trb_slice name)
{
    char *variable = mem_text(name.at, name.len);
    const char *value = getenv(variable);
    if (value)
        text_adds(t, value);
    mem_free(variable);
}

/* Stops beyond the limit of a text: nobody will read that. */
void configuration_expand(struct trb_slice s, struct text *ret_text)
{
    while (s.len && ret_text->len <= YAML_MAX_BYTES) {
        const char *dollar = memchr(s.at, '$', s.len);
        size_t before = dollar ? (size_t)(dollar - s.at) : s.len, len;
        text_add(ret_text, slice_cut(s, before));
        s = slice_skip(s, before);
        if (!dollar)
            return;
        struct trb_slice name = name_behind(slice_skip(s, 1), &len);
        if (name.len)
            add_variable(ret_text, name);
        else if (!len)
            text_addc(ret_text, '$');
        s = slice_skip(s, 1 + len);
    }
}

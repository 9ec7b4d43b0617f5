/* lines.c: cuts a byte stream at new lines; a line longer than MAX_LINE is passed on in pieces.
 * Not aware of encodings: bytes go through as they came. */
#include "cli/lines.h"
#include "cli/say.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { MAX_LINE = 256 * 1024, PIECE = 64 * 1024 };

static void end_line(struct lines *l, struct text *out)
{
    text_add(out, "%s", l->prefix);
    text_add_bytes(out, l->line.at, l->line.len);
    text_add_bytes(out, "\n", 1);
    text_fini(&l->line);
}

static void cut(struct lines *l, const char *at, size_t len, struct text *out)
{
    while (len) {
        const char *newline = memchr(at, '\n', len);
        size_t part = newline ? (size_t)(newline - at) : len;
        text_add_bytes(&l->line, at, part);
        if (newline || l->line.len >= MAX_LINE)
            end_line(l, out);
        part += newline != NULL;
        at += part;
        len -= part;
    }
}

static bool put(struct text *out)
{
    bool is_read = say_bytes(STDOUT_FILENO, out->at, out->len);
    text_fini(out);
    return is_read;
}

static bool end(struct lines *l)
{
    struct text out = {0};
    if (l->line.len)
        end_line(l, &out);
    text_fini(&l->line);
    close(l->fd);
    l->fd = -1;
    return put(&out);
}

bool lines_read(struct lines *l)
{
    char piece[PIECE];
    ssize_t len = read(l->fd, piece, sizeof piece);
    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (len <= 0)
        return end(l);
    struct text out = {0};
    cut(l, piece, (size_t)len, &out);
    return put(&out);
}

void lines_finish(struct lines *l)
{
    /* At most a pipe's worth: a writer who never stops must not keep us here. */
    for (int reads = 0; l->fd >= 0 && reads < 32; reads++) {
        char piece[PIECE];
        ssize_t len = read(l->fd, piece, sizeof piece);
        if (len <= 0)
            break;
        struct text out = {0};
        cut(l, piece, (size_t)len, &out);
        put(&out);
    }
    if (l->fd >= 0)
        end(l);
}

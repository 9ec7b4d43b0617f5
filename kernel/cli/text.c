/* text.c: growing strings, lists of words, and the few things every command needs.
 * Not a library: what is here is here because two commands use it. */
#include "cli/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void *grown(void *at, size_t bytes)
{
    void *bigger = realloc(at, bytes);
    if (!bigger) {
        static const char sentence[] = "trilby: out of memory\n";
        ssize_t ignored = write(STDERR_FILENO, sentence, sizeof sentence - 1);
        (void)ignored;
        abort();
    }
    return bigger;
}

static void reserve(struct text *t, size_t more)
{
    if (t->len + more + 1 <= t->room)
        return;
    t->room = (t->len + more + 1) * 2;
    t->at = grown(t->at, t->room);
}

void text_add_bytes(struct text *t, const char *at, size_t len)
{
    reserve(t, len);
    if (len)
        memcpy(t->at + t->len, at, len);
    t->len += len;
    t->at[t->len] = '\0';
}

static void add_list(struct text *t, const char *format, va_list list)
{
    va_list again;
    va_copy(again, list);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    reserve(t, (size_t)len);
    vsnprintf(t->at + t->len, (size_t)len + 1, format, list);
    t->len += (size_t)len;
}

void text_add(struct text *t, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    add_list(t, format, list);
    va_end(list);
}

void text_fini(struct text *t)
{
    free(t->at);
    *t = (struct text){0};
}

char *text_format(const char *format, ...)
{
    struct text t = {0};
    va_list list;
    va_start(list, format);
    add_list(&t, format, list);
    va_end(list);
    return t.at;
}

char *text_copy(const char *text)
{
    return text_format("%s", text);
}

static void take(struct words *w, char *word)
{
    if (w->count + 2 > w->room) {
        w->room = (w->count + 2) * 2;
        w->at = grown(w->at, w->room * sizeof *w->at);
    }
    w->at[w->count++] = word;
    w->at[w->count] = NULL;
}

void words_add(struct words *w, const char *word)
{
    take(w, text_copy(word));
}

void words_addf(struct words *w, const char *format, ...)
{
    struct text t = {0};
    va_list list;
    va_start(list, format);
    add_list(&t, format, list);
    va_end(list);
    take(w, t.at);
}

char *words_join(const struct words *w, const char *between)
{
    struct text t = {0};
    text_add_bytes(&t, "", 0);
    for (size_t i = 0; i < w->count; i++)
        text_add(&t, "%s%s", i ? between : "", w->at[i]);
    return t.at;
}

void words_fini(struct words *w)
{
    for (size_t i = 0; i < w->count; i++)
        free(w->at[i]);
    free(w->at);
    *w = (struct words){0};
}

bool reason_set(struct reason *why, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(why->text, sizeof why->text, format, list);
    va_end(list);
    return false;
}

bool text_is_number(const char *text, int64_t *ret_number)
{
    const char *digits = text[0] == '-' || text[0] == '+' ? text + 1 : text;
    if (!*digits || strspn(digits, "0123456789") != strlen(digits))
        return false;
    errno = 0;
    long long number = strtoll(text, NULL, 10);
    if (errno)
        return false;
    *ret_number = number;
    return true;
}

bool file_read(const char *path, size_t max_bytes, struct text *ret_text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    struct text t = {0};
    text_add_bytes(&t, "", 0);
    char piece[4096];
    ssize_t len;
    while ((len = read(fd, piece, sizeof piece)) > 0 && t.len + (size_t)len <= max_bytes)
        text_add_bytes(&t, piece, (size_t)len);
    close(fd);
    if (len) {
        text_fini(&t);
        return false;
    }
    *ret_text = t;
    return true;
}

uint64_t clock_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

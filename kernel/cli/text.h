/* text.h: growing strings and lists of words for one short-lived program.
 * Not the kernel's memory: there are no arenas here, and running out of memory ends the program. */
#ifndef TRILBY_CLI_TEXT_H
#define TRILBY_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *at;                                       /* a NUL follows the last byte */
    size_t len, room;
};

struct words {
    char **at;                                      /* NULL follows the last word */
    size_t count, room;
};

struct reason { /* why something could not be done: one sentence */
    char text[1024];
};

void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_bytes(struct text *t, const char *at, size_t len);
void text_fini(struct text *t);                     /* ready for use again */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));   /* free() it */
char *text_copy(const char *text);                  /* free() it */

void words_add(struct words *w, const char *word);  /* copied */
void words_addf(struct words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *words_join(const struct words *w, const char *between);                       /* free() it */
void words_fini(struct words *w);

/* Always false, so that a failing function can end with it. */
bool reason_set(struct reason *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A whole number in decimal and nothing else around it. */
bool text_is_number(const char *text, int64_t *ret_number);

/* The whole file, up to max_bytes; false when it cannot be opened or read. */
bool file_read(const char *path, size_t max_bytes, struct text *ret_text);

uint64_t clock_now_ms(void);                        /* monotonic */

#endif

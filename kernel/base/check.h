/* check: asserts that stay on in release, and magic numbers that prove a void pointer. */
#ifndef BASE_CHECK_H
#define BASE_CHECK_H

#include <stdint.h>

/* Ends the process with the condition, file and line, after the crash report hook has run. */
_Noreturn void check_failed(const char *what, const char *file, int line);

/* The hook tells the story of the requests in flight; it must not allocate. NULL: none. */
void check_on_failure(void (*hook)(void));

#define check(condition)                                                                           \
    (__builtin_expect(!!(condition), 1) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))

/* struct request *rq = checked(arg, struct request, REQUEST_MAGIC); the struct's first member that
 * is named magic must carry it. */
#define checked(pointer, type, number)                                                             \
    ({                                                                                             \
        type *checked_ = (type *)(pointer);                                                        \
        check(checked_ && checked_->magic == (number));                                            \
        checked_;                                                                                  \
    })

#define countof(array) (sizeof(array) / sizeof((array)[0]))
#define container_of(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif

/* check: where a broken promise ends. */
#include <base/check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void (*story)(void);

void check_on_failure(void (*hook)(void))
{
    story = hook;
}

_Noreturn void check_failed(const char *what, const char *file, int line)
{
    char text[512];
    int len = snprintf(text, sizeof text, "trilby: assertion failed: %s (%s:%d)\n", what, file, line);
    if (write(2, text, len < (int)sizeof text ? (size_t)len : sizeof text - 1) < 0)
        abort();
    void (*hook)(void) = story;
    story = NULL;
    if (hook)
        hook();
    abort();
}

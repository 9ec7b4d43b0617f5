/* say.c: status lines with their sign, or as JSON for machines.
 * Not a logger: there are no levels to choose and no files. */
#include "cli/say.h"
#include "cli/text.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static const struct { const char *sign, *word; } table[] = {
    [SAY_SUCCESS] = {"✅  ", "success"},
    [SAY_FAILURE] = {"❌  ", "failure"},
    [SAY_WARNING] = {"⚠  ", "warning"},
    [SAY_PENDING] = {"⌛  ", "pending"},
    [SAY_INFO] = {"ℹ️  ", "info"},
};

static bool is_json;

void say_as_json(bool as_json)
{
    is_json = as_json;
}

static void add_json(struct text *line, enum say what, const char *sentence)
{
    char now[64];
    time_t seconds = time(NULL);
    struct tm broken;
    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &broken));
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "time", now);
    cJSON_AddStringToObject(object, "status", table[what].word);
    cJSON_AddStringToObject(object, "msg", sentence);
    char *printed = cJSON_PrintUnformatted(object);
    text_add(line, "%s\n", printed);
    cJSON_free(printed);
    cJSON_Delete(object);
}

void say(enum say what, const char *format, ...)
{
    char sentence[4096];
    va_list list;
    va_start(list, format);
    vsnprintf(sentence, sizeof sentence, format, list);
    va_end(list);
    for (char *at = sentence; *at; at++)
        if (iscntrl((unsigned char)*at))
            *at = ' ';
    struct text line = {0};
    if (is_json)
        add_json(&line, what, sentence);
    else
        text_add(&line, "%s%s\n", table[what].sign, sentence);
    say_bytes(what == SAY_FAILURE ? STDERR_FILENO : STDOUT_FILENO, line.at, line.len);
    text_fini(&line);
}

bool say_bytes(int fd, const char *at, size_t len)
{
    while (len) {
        ssize_t wrote = write(fd, at, len);
        if (wrote >= 0) {
            at += wrote;
            len -= (size_t)wrote;
        } else if (errno == EAGAIN) {
            /* Somebody who shares the terminal made it non-blocking. */
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
        } else if (errno != EINTR) {
            return false;
        }
    }
    return true;
}

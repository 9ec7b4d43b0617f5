/* command: arrays of bulk strings. */
#include <redis/command.h>

#define HEAD 24u                    /* kind, twenty digits, CRLF */

struct trb_data redis_number(char room[REDIS_NUMBER], int64_t n)
{
    char *end = room + REDIS_NUMBER, *at = end;
    uint64_t left = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    do
        *--at = (char)('0' + left % 10);
    while (left /= 10);
    if (n < 0)
        *--at = '-';
    return (struct trb_data){at, (size_t)(end - at), NULL};
}

char *redis_command_head(char *to, char kind, size_t n)
{
    char *end = to + 2;
    for (size_t left = n; left >= 10; left /= 10)
        end++;
    *to = kind;
    for (char *at = end; at > to + 1; n /= 10)
        *--at = (char)('0' + n % 10);
    end[0] = '\r';
    end[1] = '\n';
    return end + 2;
}

size_t redis_command_room(const struct trb_data *words, uint32_t count)
{
    size_t room = HEAD;
    for (uint32_t i = 0; i < count; i++)
        room += HEAD + words[i].len + 2;
    return room;
}

size_t redis_command_write(char *to, const struct trb_data *words, uint32_t count)
{
    char *at = redis_command_head(to, '*', count);
    for (uint32_t i = 0; i < count; i++) {
        at = redis_command_head(at, '$', words[i].len);
        if (words[i].len)
            memcpy(at, words[i].at, words[i].len);
        at += words[i].len;
        *at++ = '\r';
        *at++ = '\n';
    }
    return (size_t)(at - to);
}

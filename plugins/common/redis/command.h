/* command: how a command is written for the wire, and what is to happen with its answer. */
#ifndef REDIS_COMMAND_H
#define REDIS_COMMAND_H

#include <redis/resp.h>
#include <string.h>
#include <trilby/plugin.h>

/* Who waits for the answer of one command. It comes once: a reply (which may be the server's error), or
 * err when there is none. Copied where it is kept; the members are the asker's own. */
struct redis_wish {
    void (*answered)(struct redis_wish *, const struct resp *reply, const struct trb_error *err);
    void *self;
    void *call;
    const void *question;
    uint32_t index, tries;
    uint32_t stays;                             /* 1: not to be sent on to another node of a cluster */
};

/* The words of a command. A value with an owner is not copied when it is large. */
static inline struct trb_data redis_word(struct trb_slice s)
{
    return (struct trb_data){s.at, s.len, NULL};
}
static inline struct trb_data redis_name(struct trb_name n)
{
    return (struct trb_data){n.at, n.len, NULL};
}
static inline struct trb_data redis_text(const char *text)
{
    return (struct trb_data){text, strlen(text), NULL};
}
#define REDIS_NUMBER 24
struct trb_data redis_number(char room[REDIS_NUMBER], int64_t n);

size_t redis_command_room(const struct trb_data *words, uint32_t count);   /* enough for all of it */
size_t redis_command_write(char *to, const struct trb_data *words, uint32_t count);
char *redis_command_head(char *to, char kind, size_t n);                   /* "*3\r\n", "$12\r\n"; at most 24 bytes */

#endif

/* reply: one piece of an answer of memcached's text protocol, read where it lies. An answer to `get` is any
 * number of values and an end; every other answer is one line. */
#ifndef STATE_MEMCACHED_REPLY_H
#define STATE_MEMCACHED_REPLY_H

#include <stdbool.h>
#include <trilby/types.h>

#define REPLY_VALUE 0u
#define REPLY_END 1u
#define REPLY_STORED 2u
#define REPLY_NOT_STORED 3u
#define REPLY_DELETED 4u
#define REPLY_NOT_FOUND 5u
#define REPLY_VERSION 6u
#define REPLY_SERVER_ERROR 7u                   /* the server could not; it is in step with us */
#define REPLY_CLIENT_ERROR 8u                   /* it did not understand us: what follows may be anything */

#define REPLY_MAX_KEY 250u
#define REPLY_MAX_LINE 2048u
#define REPLY_MAX_VALUE (1024u << 20)           /* the largest item a server can be told to take */

struct reply {
    uint32_t kind;
    struct trb_slice key, value;                /* VALUE */
    struct trb_slice line;                      /* the whole first line, without its end */
};

#define REPLY_MORE 0
#define REPLY_BROKEN (-1)
/* The length of the piece at the start of bytes; REPLY_MORE when it has not come whole: *ret_need says how
 * many bytes are worth the next look; REPLY_BROKEN when it is none. */
int64_t reply_read(struct trb_slice bytes, struct reply *ret_reply, size_t *ret_need);

bool key_is_legal(struct trb_slice key);        /* 1 to 250 bytes, no blank, no control character */

#endif

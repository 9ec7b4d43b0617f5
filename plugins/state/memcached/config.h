/* config: the servers that the options name, and which of them keeps a key. */
#ifndef STATE_MEMCACHED_CONFIG_H
#define STATE_MEMCACHED_CONFIG_H

#include <trilby/plugin.h>

#define MAX_HOSTS 64u
#define MS 1000000ll

struct address {
    char host[256];                             /* name, address, or unix:/path */
    char text[280];                             /* as errors name it */
    uint32_t port;
};

struct config {
    const char *hosts;
    int64_t max_idle, timeout_ms;
    /* Made of these by config_check. */
    struct address addresses[MAX_HOSTS];
    uint32_t address_count;
    int64_t timeout_ns;                         /* to connect, and for one answer */
};

trb_code config_check(struct config *, struct trb_error *err);
/* The CRC-32 of the key modulo the number of servers, as the field's Go client shares keys out. */
uint32_t config_pick(const struct config *, struct trb_slice key);

#endif

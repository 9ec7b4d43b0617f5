/* settings: what the files of configuration.redis share. An item is a string key whose value is
 * "<value>||<version>". components.md 2.1.5 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <base/list.h>
#include <redis/redis.h>
#include <trilby/configuration.h>

struct settings {
    const struct trb_host *host;
    const struct trb_origin *origin;
    const struct trb_timer_service *timers;
    struct redis *redis;
    struct list watches;
    struct redis_config config;
};

void settings_get(void *self, struct trb_call *, const void *question);
void settings_subscribe(void *self, struct trb_call *, const void *question);
void watch_cancel(struct settings *, struct trb_call *);
void watch_resume(struct settings *, struct trb_call *);

/* The item of a reply to GET. false: there is none (absent, of another type, without a value). */
bool item_read(const struct resp *reply, struct trb_name key, struct trb_configuration_item *ret);

#endif

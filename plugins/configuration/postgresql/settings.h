/* settings: what the files of configuration.postgresql share. An item is a row of key, value, version and metadata, in
 * this order; a channel of NOTIFY tells which changed. components.md 2.2.5 */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <base/arena.h>
#include <base/list.h>
#include <base/text.h>
#include <postgres/postgres.h>
#include <trilby/configuration.h>

struct settings {
    struct pg_config config;
    const char *table, *channel;
    int64_t old_idle_ns;

    const struct trb_host *host;
    const struct trb_origin *origin;
    const struct trb_timer_service *timers;
    struct pg *pg;
    struct trb_call *starting;
    struct text from;                   /* the table as statements spell it */
    struct list watches;
};

void settings_get(void *self, struct trb_call *, const void *question);
void settings_subscribe(void *self, struct trb_call *, const void *question);
void watch_cancel(struct settings *, struct trb_call *);
void watch_resume(struct settings *, struct trb_call *);

/* Says the SELECT of these keys; none: of all. */
void select_say(struct settings *, const struct trb_configuration_get *, struct pg_batch *);
/* The rows as items, of several of one key that with the highest version. What they point to lives as long as the
 * answer and the arena. Returns how many. */
uint32_t rows_read(const struct pg_answer *, struct arena *, struct trb_configuration_item **ret_items);
/* {"data":{"key":…,"value":…,"version":…,"metadata":{…}}}: false: it says no item. */
bool notification_read(struct arena *, struct trb_slice payload, struct trb_configuration_item *ret);
bool key_is_good(struct trb_slice);

#endif

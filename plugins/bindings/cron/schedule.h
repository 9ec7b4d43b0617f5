/* schedule: when something is due, in cron's words; pure but for the process's time zone. components.md 2.14
 *
 *     [second] minute hour day month weekday     * ? lists, ranges, steps; names of months and weekdays
 *     @yearly @annually @monthly @weekly @daily @midnight @hourly     @every 1h30m
 *
 * Where day and weekday are both restricted, either will do. An hour that the clock skips has no events; one that it
 * repeats has them twice. */
#ifndef CRON_SCHEDULE_H
#define CRON_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>
#include <trilby/types.h>

struct schedule {
    uint64_t seconds, minutes, hours, days, months, weekdays;   /* bit n: the number n */
    bool any_day, any_weekday;
    int64_t every_s;                                            /* not 0: nothing else counts */
};

/* false: fault says why, without a full stop. */
bool schedule_parse(struct trb_slice text, struct schedule *ret, char fault[160]);

/* The first second behind now_s (since 1970) that is due; -1: none in five years. */
int64_t schedule_next(const struct schedule *, int64_t now_s);

#endif

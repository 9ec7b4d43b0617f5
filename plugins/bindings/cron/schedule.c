/* schedule: see schedule.h. */
#include "schedule.h"
#include <base/check.h>
#include <base/clock.h>
#include <base/slice.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define FIELDS 6u
#define YEARS_AHEAD 5
#define HOUR_S 3600

static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const weekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

struct field {
    const char *what;
    unsigned min, max;
    const char *const *names;
};
static const struct field fields[FIELDS] = {
    {"second", 0, 59, NULL}, {"minute", 0, 59, NULL}, {"hour", 0, 23, NULL},
    {"day", 1, 31, NULL},    {"month", 1, 12, months}, {"weekday", 0, 6, weekdays},
};

/* ---------------------------------------------------------------------------------------- one field */
static bool refuse(char fault[160], const struct field *f, const char *why, struct trb_slice part)
{
    snprintf(fault, 160, "%s: %s: '%.*s'", f->what, why, (int)(part.len < 40 ? part.len : 40), part.at ? part.at : "");
    return false;
}

static bool read_number(const struct field *f, struct trb_slice text, unsigned *ret)
{
    uint64_t n;
    for (unsigned i = 0; f->names && f->names[i]; i++)
        if (slice_is_nocase(text, slice_of(f->names[i])))
            return *ret = i + f->min, true;
    if (!slice_to_u64(text, &n) || n > 1000)
        return false;
    *ret = (unsigned)n;
    return true;
}

struct range {
    unsigned from, to, step;
    bool is_any;
};

static bool read_ends(const struct field *f, struct trb_slice text, struct range *r, bool has_step, char fault[160])
{
    struct trb_slice to = text, from = slice_split(&to, '-');
    if (slice_is(text, SLICE("*")) || slice_is(text, SLICE("?"))) {
        *r = (struct range){f->min, f->max, 1, true};
        return true;
    }
    if (!read_number(f, from, &r->from) || (to.at && !read_number(f, to, &r->to)))
        return refuse(fault, f, "neither a number nor a name", text);
    if (!to.at)
        r->to = has_step ? f->max : r->from;
    return true;
}

static bool read_range(const struct field *f, struct trb_slice text, struct range *r, char fault[160])
{
    struct trb_slice step = text, ends = slice_split(&step, '/');
    uint64_t n = 1;
    if (!read_ends(f, ends, r, step.at, fault))
        return false;
    if (step.at && (!slice_to_u64(step, &n) || !n || n > 1000))
        return refuse(fault, f, "its step is no number above 0", text);
    r->step = (unsigned)n;
    r->is_any = r->is_any && n == 1;
    if (r->from < f->min || r->to > f->max)
        return snprintf(fault, 160, "%s: '%.*s' is not between %u and %u", f->what, (int)(text.len < 40 ? text.len : 40), text.at,
                        f->min, f->max), false;
    return r->from <= r->to || refuse(fault, f, "its beginning is behind its end", text);
}

/* is_any: it restricts nothing. */
static bool read_field(const struct field *f, struct trb_slice text, uint64_t *ret_bits, bool *ret_any, char fault[160])
{
    *ret_bits = 0;
    *ret_any = false;
    while (text.at) {
        struct range r = {0};
        struct trb_slice one = slice_split(&text, ',');
        if (!one.len)
            continue;
        if (!read_range(f, one, &r, fault))
            return false;
        *ret_any |= r.is_any;
        for (unsigned n = r.from; n <= r.to; n += r.step)
            *ret_bits |= 1ull << n;
    }
    return true;
}

/* ------------------------------------------------------------------------------------------- whole */
static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

static uint32_t split(struct trb_slice text, struct trb_slice ret[FIELDS + 1])
{
    uint32_t count = 0;
    while (count <= FIELDS) {
        while (text.len && is_blank(*text.at))
            text = slice_skip(text, 1);
        size_t len = 0;
        while (len < text.len && !is_blank(text.at[len]))
            len++;
        if (!len)
            break;
        ret[count++] = slice_cut(text, len);
        text = slice_skip(text, len);
    }
    return count;
}

static bool parse_fields(struct trb_slice text, struct schedule *ret, char fault[160])
{
    struct trb_slice parts[FIELDS + 1];
    uint64_t *to[FIELDS] = {&ret->seconds, &ret->minutes, &ret->hours, &ret->days, &ret->months, &ret->weekdays};
    bool any[FIELDS] = {0};
    uint32_t count = split(text, parts), first = FIELDS - count;
    if (count != FIELDS && count != FIELDS - 1)
        return snprintf(fault, 160, "expected 5 fields, or 6 with seconds in front, found %s%u", count > FIELDS ? "more than " : "",
                        count > FIELDS ? FIELDS : count), false;
    ret->seconds = 1;
    for (uint32_t i = 0; i < count; i++)
        if (!read_field(&fields[first + i], parts[i], to[first + i], &any[first + i], fault))
            return false;
    ret->any_day = any[3];
    ret->any_weekday = any[5];
    return true;
}

static bool parse_every(struct trb_slice text, struct schedule *ret, char fault[160])
{
    int64_t ns;
    if (!clock_parse_duration(text, &ns))
        return snprintf(fault, 160, "@every wants a duration such as 1h30m, not '%.*s'", (int)(text.len < 40 ? text.len : 40),
                        text.at ? text.at : ""), false;
    ret->every_s = ns < (int64_t)CLOCK_S ? 1 : ns / (int64_t)CLOCK_S;
    return true;
}

bool schedule_parse(struct trb_slice text, struct schedule *ret, char fault[160])
{
    static const struct {
        const char *word, *means;
    } words[] = {{"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
                 {"@daily", "0 0 * * *"},  {"@midnight", "0 0 * * *"}, {"@hourly", "0 * * * *"}};
    *ret = (struct schedule){0};
    text = slice_trim(text);
    for (size_t i = 0; i < countof(words); i++)
        if (slice_is(text, slice_of(words[i].word)))
            return parse_fields(slice_of(words[i].means), ret, fault);
    if (slice_starts(text, SLICE("@every ")))
        return parse_every(slice_trim(slice_skip(text, 7)), ret, fault);
    if (slice_starts(text, SLICE("TZ=")) || slice_starts(text, SLICE("CRON_TZ=")))
        return snprintf(fault, 160, "it cannot have a time zone of its own: the process's counts, set TZ for it"), false;
    if (slice_starts(text, SLICE("@")))
        return snprintf(fault, 160, "there is no '%.*s'", (int)(text.len < 40 ? text.len : 40), text.at), false;
    return parse_fields(text, ret, fault);
}

/* -------------------------------------------------------------------------------------------- next */
static bool has(uint64_t bits, int n)
{
    return bits >> n & 1;
}

static bool is_day(const struct schedule *s, const struct tm *t)
{
    bool day = has(s->days, t->tm_mday), weekday = has(s->weekdays, t->tm_wday);
    return s->any_day || s->any_weekday ? day && weekday : day || weekday;
}

/* Midnight at the beginning of a later day; where the clock skips it, what comes instead. Always behind t. */
static time_t begin_day(time_t t, const struct tm *now, int month_step, int day_step)
{
    struct tm to = {.tm_year = now->tm_year, .tm_mon = now->tm_mon + month_step,
                    .tm_mday = month_step ? 1 : now->tm_mday + day_step, .tm_isdst = -1};
    time_t there = mktime(&to);
    while (there <= t || (!month_step && to.tm_mday == now->tm_mday)) {
        there = (there > t ? there : t) + HOUR_S;
        localtime_r(&there, &to);
        there -= to.tm_min * 60 + to.tm_sec;
    }
    return there;
}

/* Where the clock repeats a part of an hour the next one may begin before t. */
static time_t later(time_t t, time_t there)
{
    return there > t ? there : t + 1;
}

static time_t advance(const struct schedule *s, time_t t, const struct tm *now)
{
    if (!has(s->months, now->tm_mon + 1))
        return begin_day(t, now, 1, 0);
    if (!is_day(s, now))
        return begin_day(t, now, 0, 1);
    if (!has(s->hours, now->tm_hour))
        return later(t, t - now->tm_min * 60 - now->tm_sec + HOUR_S);
    if (!has(s->minutes, now->tm_min))
        return later(t, t - now->tm_sec + 60);
    return t + 1;
}

/* A list such as "," names nothing: not every second of five years needs to be looked at to know it. Days are few. */
static bool has_a_time_of_day(const struct schedule *s)
{
    return s->seconds && s->minutes && s->hours;
}

int64_t schedule_next(const struct schedule *s, int64_t now_s)
{
    struct tm now;
    time_t t = (time_t)now_s + 1;
    if (s->every_s)
        return now_s + s->every_s;
    if (!has_a_time_of_day(s) || !localtime_r(&t, &now))
        return -1;
    int last_year = now.tm_year + YEARS_AHEAD;
    while (now.tm_year <= last_year) {
        bool is_due = has(s->months, now.tm_mon + 1) && is_day(s, &now) && has(s->hours, now.tm_hour) &&
                      has(s->minutes, now.tm_min) && has(s->seconds, now.tm_sec);
        if (is_due)
            return t;
        t = advance(s, t, &now);
        if (!localtime_r(&t, &now))
            break;
    }
    return -1;
}

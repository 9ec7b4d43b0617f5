/* log_line: time, level and message in front, every other key in alphabetical order; the JSON form
 * has no front. */
#include <base/clock.h>
#include <base/log_line.h>
#include <base/slice.h>
#include <inttypes.h>

static const char *const level_names[] = {"debug", "info", "warning", "error", "fatal"};

struct row {
    struct log_field at[LOG_FIELDS_MAX];
    uint32_t count;
};

static void row_add(struct row *r, struct log_field f)
{
    uint32_t i = r->count;
    if (i == LOG_FIELDS_MAX)
        return;
    for (; i > 0 && strcmp(r->at[i - 1].key, f.key) > 0; i--)
        r->at[i] = r->at[i - 1];
    r->at[i] = f;
    r->count++;
}

static void row_add_text(struct row *r, const char *key, const char *text)
{
    if (text && *text)
        row_add(r, (struct log_field){key, slice_of(text), 0});
}

static void row_fill(struct row *r, const struct log_line *l)
{
    row_add_text(r, "app_id", l->app_id);
    row_add_text(r, "instance", l->instance);
    row_add_text(r, "scope", l->scope);
    row_add(r, (struct log_field){"type", SLICE("log"), 0});
    row_add_text(r, "ver", l->version);
    for (uint32_t i = 0; i < l->count; i++)
        row_add(r, l->fields[i]);
}

static bool is_bare(struct trb_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && !(c && strchr("-._/@^+", c)))
            return false;
    }
    return true;
}

static void add_value(struct text *to, struct trb_slice s)
{
    if (is_bare(s))
        text_add(to, s);
    else
        text_add_quoted(to, s);
}

static void add_number(struct text *to, int64_t number)
{
    text_addf(to, "%" PRId64, number);
}

static void write_logfmt(const struct log_line *l, const struct row *r, const char *time, struct text *to)
{
    text_addf(to, "time=\"%s\" level=%s msg=", time, level_names[l->level]);
    add_value(to, l->message);
    for (uint32_t i = 0; i < r->count; i++) {
        text_addc(to, ' ');
        text_adds(to, r->at[i].key);
        text_addc(to, '=');
        if (r->at[i].text.at)
            add_value(to, r->at[i].text);
        else
            add_number(to, r->at[i].number);
    }
}

static void write_json(struct log_line *l, struct row *r, const char *time, struct text *to)
{
    row_add(r, (struct log_field){"level", slice_of(level_names[l->level]), 0});
    row_add(r, (struct log_field){"msg", l->message.at ? l->message : SLICE(""), 0});
    row_add(r, (struct log_field){"time", slice_of(time), 0});
    for (uint32_t i = 0; i < r->count; i++) {
        text_addc(to, i ? ',' : '{');
        text_add_json(to, slice_of(r->at[i].key), true);
        text_addc(to, ':');
        if (r->at[i].text.at)
            text_add_json(to, r->at[i].text, true);
        else
            add_number(to, r->at[i].number);
    }
    text_addc(to, '}');
}

static void write_colours(const struct log_line *l, const struct row *r, struct text *to)
{
    static const char *const names[] = {"DEBU", "INFO", "WARN", "ERRO", "FATA"};
    static const int colours[] = {37, 36, 33, 31, 31};
    text_addf(to, "\033[%dm%s\033[0m[%04" PRIu64 "] %-44.*s ", colours[l->level], names[l->level],
              l->uptime_s, SLICE_ARG(l->message));
    for (uint32_t i = 0; i < r->count; i++) {
        text_addf(to, " \033[%dm%s\033[0m=", colours[l->level], r->at[i].key);
        if (r->at[i].text.at)
            add_value(to, r->at[i].text);
        else
            add_number(to, r->at[i].number);
    }
}

void log_line_write(const struct log_line *line, struct text *to)
{
    struct log_line l = *line;
    struct row r = {.count = 0};
    char time[CLOCK_TEXT];
    clock_rfc3339_nano(l.wall_ns, time);
    row_fill(&r, &l);
    if (l.json)
        write_json(&l, &r, time, to);
    else if (l.colour)
        write_colours(&l, &r, to);
    else
        write_logfmt(&l, &r, time, to);
    text_addc(to, '\n');
}

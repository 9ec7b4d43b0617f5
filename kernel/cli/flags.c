/* flags.c: words of a command line, matched with a table.
 * Not GNU getopt: a single dash may carry a long name, and a value may begin with a dash
 * ("--profile-port -1"). */
#include "cli/flags.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct place {                                      /* a row of a table, and where its values go */
    const struct flag *row;
    struct words *given;
};

static size_t rows(const struct flag *table)
{
    size_t count = 0;
    for flag_each (row, table)
        count++;
    return count;
}

static struct place find(const struct flags *f, const char *name, size_t len)
{
    for (int t = 0; t < 2; t++)
        for flag_each (row, f->tables[t])
            if (row->name && strlen(row->name) == len && !memcmp(row->name, name, len))
                return (struct place){row, &f->given[t][row - f->tables[t]]};
    return (struct place){0};
}

static struct place find_letter(const struct flags *f, char letter)
{
    for (int t = 0; t < 2; t++)
        for flag_each (row, f->tables[t])
            if (row->name && row->letter == letter)
                return (struct place){row, &f->given[t][row - f->tables[t]]};
    return (struct place){0};
}

static struct place must_find(const struct flags *f, const char *name)
{
    struct place p = find(f, name, strlen(name));
    assert(p.row);
    return p;
}

/* How many letters to change, add or drop to make one name of the other; short names only. */
static int distance(const char *a, size_t a_len, const char *b)
{
    size_t b_len = strlen(b);
    int line[64];
    if (b_len >= 64 || a_len >= 64)
        return 64;
    for (size_t j = 0; j <= b_len; j++)
        line[j] = (int)j;
    for (size_t i = 1; i <= a_len; i++) {
        int corner = line[0];
        line[0] = (int)i;
        for (size_t j = 1; j <= b_len; j++) {
            int best = corner + (a[i - 1] != b[j - 1]);
            corner = line[j];
            if (line[j] + 1 < best)
                best = line[j] + 1;
            if (line[j - 1] + 1 < best)
                best = line[j - 1] + 1;
            line[j] = best;
        }
    }
    return line[b_len];
}

static bool unknown(const struct flags *f, const char *word, const char *name, size_t len,
                    struct reason *why)
{
    const char *near = NULL;
    int best = 4;
    for (int t = 0; t < 2; t++)
        for flag_each (row, f->tables[t])
            if (row->name && distance(name, len, row->name) < best) {
                best = distance(name, len, row->name);
                near = row->name;
            }
    int shown = (int)(name + len - word);
    if (near)
        return reason_set(why, "unknown flag: %.*s (did you mean --%s?)", shown, word, near);
    return reason_set(why, "unknown flag: %.*s", shown, word);
}

static bool is_truth(const char *text, bool *ret_is_true)
{
    static const char *const yes[] = {"true", "t", "1", NULL}, *const no[] = {"false", "f", "0",
                                                                              NULL};
    for (int i = 0; yes[i]; i++)
        if (!strcasecmp(text, yes[i]) || !strcasecmp(text, no[i])) {
            *ret_is_true = !strcasecmp(text, yes[i]);
            return true;
        }
    return false;
}

static bool check(const struct flag *row, const char *value, const char *origin, struct reason *why)
{
    int64_t number = 0;
    bool truth;
    if (row->kind == FLAG_SWITCH && !is_truth(value, &truth))
        return reason_set(why, "%s takes true or false, not \"%s\"", origin, value);
    if (row->kind == FLAG_NUMBER && !text_is_number(value, &number))
        return reason_set(why, "%s takes a whole number, not \"%s\"", origin, value);
    if (row->kind == FLAG_PORT && (!text_is_number(value, &number) || number > 65535))
        return reason_set(why, "%s takes a port, a number up to 65535, not \"%s\"", origin, value);
    return true;
}

static void split(struct words *given, const char *value)
{
    for (const char *at = value;; at++) {
        size_t len = strcspn(at, ",");
        if (len)
            words_addf(given, "%.*s", (int)len, at);
        at += len;
        if (!*at)
            return;
    }
}

static bool put(struct place p, const char *value, const char *origin, struct reason *why)
{
    if (!check(p.row, value, origin, why))
        return false;
    if (p.row->kind == FLAG_LIST)
        split(p.given, value);
    else
        words_add(p.given, value);
    return true;
}

/* One flag, whose value may be part of the word or the word after it. */
static bool take(struct place p, const char *attached, char ***next, struct reason *why)
{
    char origin[128];
    snprintf(origin, sizeof origin, "--%s", p.row->name);
    if (attached)
        return put(p, attached, origin, why);
    if (p.row->kind == FLAG_SWITCH)
        return put(p, "true", origin, why);
    if (!**next)
        return reason_set(why, "%s needs a value", origin);
    return put(p, *(*next)++, origin, why);
}

static bool take_letters(struct flags *f, const char *word, char ***next, struct reason *why)
{
    for (const char *at = word + 1; *at; at++) {
        struct place p = find_letter(f, *at);
        if (!p.row)
            return unknown(f, word, word + 1, strcspn(word + 1, "="), why);
        if (at[1] == '=')
            return take(p, at + 2, next, why);
        if (p.row->kind != FLAG_SWITCH)
            return take(p, at[1] ? at + 1 : NULL, next, why);
        if (!take(p, NULL, next, why))
            return false;
    }
    return true;
}

static bool take_word(struct flags *f, char ***next, struct reason *why)
{
    const char *word = *(*next)++;
    bool is_long = word[1] == '-';
    const char *name = word + (is_long ? 2 : 1);
    size_t len = strcspn(name, "=");
    struct place p = len > 1 || is_long ? find(f, name, len) : (struct place){0};
    if (p.row)
        return take(p, name[len] ? name + len + 1 : NULL, next, why);
    return is_long ? unknown(f, word, name, len, why) : take_letters(f, word, next, why);
}

static bool check_variables(const struct flags *f, struct reason *why)
{
    for (int t = 0; t < 2; t++)
        for flag_each (row, f->tables[t]) {
            const char *value = row->variable ? getenv(row->variable) : NULL;
            if (value && *value && !check(row, value, row->variable, why))
                return false;
        }
    return true;
}

bool flags_parse(struct flags *f, const struct flag *own, const struct flag *common, char **words,
                 bool is_mixed, struct reason *why)
{
    *f = (struct flags){.tables = {own, common}};
    for (int t = 0; t < 2; t++) {
        f->given[t] = calloc(rows(f->tables[t]) + 1, sizeof **f->given);
        assert(f->given[t]);
    }
    while (*words && strcmp(*words, "--")) {
        if ((*words)[0] == '-' && (*words)[1]) {
            if (!take_word(f, &words, why))
                return false;
        } else if (is_mixed) {
            words_add(&f->rest, *words++);
        } else {
            break;
        }
    }
    if (*words && !strcmp(*words, "--"))
        words++;
    while (*words)
        words_add(&f->rest, *words++);
    return check_variables(f, why);
}

void flags_fini(struct flags *f)
{
    for (int t = 0; t < 2; t++) {
        for (size_t i = 0; f->given[t] && i < rows(f->tables[t]); i++)
            words_fini(&f->given[t][i]);
        free(f->given[t]);
        f->given[t] = NULL;
    }
    words_fini(&f->rest);
}

const char *flags_text(const struct flags *f, const char *name)
{
    struct place p = must_find(f, name);
    if (p.given->count)
        return p.given->at[p.given->count - 1];
    const char *value = p.row->variable ? getenv(p.row->variable) : NULL;
    return value && *value ? value : p.row->initial;
}

int64_t flags_number(const struct flags *f, const char *name)
{
    int64_t number = 0;
    const char *text = flags_text(f, name);
    if (text)
        text_is_number(text, &number);
    return number;
}

bool flags_is_on(const struct flags *f, const char *name)
{
    bool is_on = false;
    const char *text = flags_text(f, name);
    return text && is_truth(text, &is_on) && is_on;
}

bool flags_is_given(const struct flags *f, const char *name)
{
    return must_find(f, name).given->count > 0;
}

const struct words *flags_list(const struct flags *f, const char *name)
{
    return must_find(f, name).given;
}

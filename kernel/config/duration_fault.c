/* duration_fault: the words with which others say that a text is no duration. */
#include <base/slice.h>
#include <config/resource_kinds.h>

static size_t count_digits(struct trb_slice s)
{
    size_t n = 0;
    while (n < s.len && s.at[n] >= '0' && s.at[n] <= '9')
        n++;
    return n;
}

/* Moves behind a number; false: there is none. */
static bool skip_number(struct trb_slice *s)
{
    size_t whole = count_digits(*s), part = 0;
    *s = slice_skip(*s, whole);
    if (s->len && s->at[0] == '.') {
        *s = slice_skip(*s, 1);
        part = count_digits(*s);
        *s = slice_skip(*s, part);
    }
    return whole + part > 0;
}

static struct trb_slice take_unit(struct trb_slice *s)
{
    size_t n = 0;
    while (n < s->len && s->at[n] != '.' && (s->at[n] < '0' || s->at[n] > '9'))
        n++;
    struct trb_slice unit = slice_cut(*s, n);
    *s = slice_skip(*s, n);
    return unit;
}

static bool is_unit(struct trb_slice s)
{
    static const char *const units[] = {"ns", "us", "\xc2\xb5s", "\xce\xbcs", "ms", "s", "m", "h"};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (slice_is(s, slice_of(units[i])))
            return true;
    return false;
}

static void say(struct text *t, struct trb_slice s)
{
    struct trb_slice unit = {0};
    if (s.len && (s.at[0] == '-' || s.at[0] == '+'))
        s = slice_skip(s, 1);
    while (s.len && skip_number(&s)) {
        unit = take_unit(&s);
        if (!is_unit(unit)) {
            text_adds(t, unit.len ? "unknown unit " : "missing unit in duration ");
            if (unit.len) {
                text_add_quoted(t, unit);
                text_adds(t, " in duration ");
            }
            return;
        }
    }
    text_adds(t, "invalid duration ");
}

struct trb_name duration_fault(struct arena *arena, struct trb_slice text)
{
    struct text t = {0};
    text_adds(&t, "time: ");
    say(&t, text);
    text_add_quoted(&t, text);
    struct trb_name fault = arena_name(arena, text_slice(&t));
    text_fini(&t);
    return fault;
}

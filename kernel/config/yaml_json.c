/* yaml_json: values as text: what a text field and a property hold, and whole trees as JSON. */
#include <base/slice.h>
#include <config/yaml_scalar.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct decimal {
    char digits[24];                           /* shortest that reads back as the same number */
    int count, point;                          /* 0.digits times ten to the point */
    bool negative;
};

static struct decimal shortest(double real)
{
    struct decimal d = {.negative = signbit(real) != 0};
    char text[40];
    for (int precision = 0; precision < 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, fabs(real));
        if (strtod(text, NULL) == fabs(real))
            break;
    }
    const char *at = text;
    for (; *at != 'e'; at++)
        if (*at != '.')
            d.digits[d.count++] = *at;
    while (d.count > 1 && d.digits[d.count - 1] == '0')
        d.count--;
    d.digits[d.count] = '\0';
    d.point = real == 0 ? 1 : atoi(at + 1) + 1;
    return d;
}

static void write_plain(const struct decimal *d, char *ret_text)
{
    char *at = ret_text;
    if (d->negative)
        *at++ = '-';
    if (d->point <= 0)
        at += sprintf(at, "0.%.*s", -d->point, "000000000000");
    for (int i = 0; i < d->count || i < d->point; i++) {
        if (i == d->point && d->point > 0)
            *at++ = '.';
        *at++ = i < d->count ? d->digits[i] : '0';
    }
    *at = '\0';
}

static void write_exponent(const struct decimal *d, int exponent_digits, char *ret_text)
{
    int exponent = d->point - 1;
    sprintf(ret_text, "%s%c%s%se%c%0*d", d->negative ? "-" : "", d->digits[0], d->count > 1 ? "." : "",
            d->digits + 1, exponent < 0 ? '-' : '+', exponent_digits, abs(exponent));
}

void yaml_real_text(double real, char ret_text[YAML_NUMBER_TEXT])
{
    if (!isfinite(real)) {
        strcpy(ret_text, isnan(real) ? "NaN" : real > 0 ? "+Inf" : "-Inf");
        return;
    }
    struct decimal d = shortest(real);
    if (d.point - 1 < -4 || d.point - 1 >= 6)
        write_exponent(&d, 2, ret_text);
    else
        write_plain(&d, ret_text);
}

bool yaml_real_json(double real, char ret_text[YAML_NUMBER_TEXT])
{
    if (!isfinite(real))
        return false;
    struct decimal d = shortest(real);
    if (real != 0 && (fabs(real) < 1e-6 || fabs(real) >= 1e21))
        write_exponent(&d, fabs(real) < 1 ? 1 : 2, ret_text);
    else
        write_plain(&d, ret_text);
    return true;
}

static struct trb_name scalar_text(struct arena *arena, const struct yaml_node *scalar, bool as_json)
{
    struct yaml_look look = yaml_look_at(scalar);
    char number[YAML_NUMBER_TEXT];
    switch (look.as) {
    case YAML_AS_NULL:
        return (struct trb_name){0};
    case YAML_AS_BOOL:
        return look.truth ? NAME("true") : NAME("false");
    case YAML_AS_INT:
        return arena_printf(arena, "%" PRId64, look.number);
    case YAML_AS_UINT:
        return arena_printf(arena, "%" PRIu64, look.large);
    case YAML_AS_FLOAT:
        if (!as_json || !yaml_real_json(look.real, number))
            yaml_real_text(look.real, number);
        return arena_name(arena, slice_of(number));
    default:
        return scalar->text;
    }
}

struct trb_name yaml_text(struct arena *arena, const struct yaml_node *scalar)
{
    return scalar && scalar->kind == YAML_SCALAR ? scalar_text(arena, scalar, false) : (struct trb_name){0};
}

struct trb_name yaml_value(struct arena *arena, const struct yaml_node *node)
{
    if (!node || node->kind == YAML_SCALAR)
        return node ? scalar_text(arena, node, true) : (struct trb_name){0};
    struct text json = {0};
    yaml_to_json(node, &json);
    struct trb_name value = arena_name(arena, text_slice(&json));
    text_fini(&json);
    return value;
}

static void scalar_to_json(const struct yaml_node *scalar, struct text *json)
{
    struct yaml_look look = yaml_look_at(scalar);
    char number[YAML_NUMBER_TEXT];
    switch (look.as) {
    case YAML_AS_NULL:
        text_adds(json, "null");
        return;
    case YAML_AS_BOOL:
        text_adds(json, look.truth ? "true" : "false");
        return;
    case YAML_AS_INT:
        text_addf(json, "%" PRId64, look.number);
        return;
    case YAML_AS_UINT:
        text_addf(json, "%" PRIu64, look.large);
        return;
    case YAML_AS_FLOAT:
        if (yaml_real_json(look.real, number))
            text_adds(json, number);
        else                                   /* JSON has no such number */
            text_add_json(json, slice_name(scalar->text), true);
        return;
    default:
        text_add_json(json, slice_name(scalar->text), true);
    }
}

static void sequence_to_json(const struct yaml_node *sequence, struct text *json)
{
    text_addc(json, '[');
    for (uint32_t i = 0; i < sequence->count; i++) {
        if (i)
            text_addc(json, ',');
        yaml_to_json(sequence->items[i], json);
    }
    text_addc(json, ']');
}

struct member {
    struct trb_name name;
    const struct yaml_node *value;
    uint32_t index;
};

static int by_name(const void *left, const void *right)
{
    const struct member *a = left, *b = right;
    size_t len = a->name.len < b->name.len ? a->name.len : b->name.len;
    int order = len ? memcmp(a->name.at, b->name.at, len) : 0;
    if (!order)
        order = (a->name.len > b->name.len) - (a->name.len < b->name.len);
    return order ? order : (a->index > b->index) - (a->index < b->index);
}

static struct trb_name member_name(struct arena *arena, const struct yaml_node *key)
{
    struct trb_name name = scalar_text(arena, key, false);
    return name.at ? name : NAME("null");
}

static void members_to_json(struct member *members, uint32_t count, struct text *json)
{
    bool first = true;
    for (uint32_t i = 0; i < count; i++) {
        if (i + 1 < count && slice_is(slice_name(members[i].name), slice_name(members[i + 1].name)))
            continue;                          /* the last of a name counts */
        if (!first)
            text_addc(json, ',');
        first = false;
        text_add_json(json, slice_name(members[i].name), true);
        text_addc(json, ':');
        yaml_to_json(members[i].value, json);
    }
}

static void mapping_to_json(const struct yaml_node *mapping, struct text *json)
{
    struct arena *arena = arena_create(SIZE_MAX);
    struct member *members = arena_alloc(arena, (mapping->count + 1) * sizeof members[0]);
    for (uint32_t i = 0; i < mapping->count; i++)
        members[i] = (struct member){member_name(arena, mapping->pairs[i].key), mapping->pairs[i].value, i};
    qsort(members, mapping->count, sizeof members[0], by_name);
    text_addc(json, '{');
    members_to_json(members, mapping->count, json);
    text_addc(json, '}');
    arena_destroy(arena);
}

void yaml_to_json(const struct yaml_node *node, struct text *json)
{
    if (!node)
        text_adds(json, "null");
    else if (node->kind == YAML_SCALAR)
        scalar_to_json(node, json);
    else if (node->kind == YAML_SEQUENCE)
        sequence_to_json(node, json);
    else
        mapping_to_json(node, json);
}

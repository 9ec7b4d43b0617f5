/* wire: see wire.h. */
#include <base/slice.h>
#include <rabbitmq/wire.h>

struct wire wire_of(struct trb_slice bytes)
{
    return (struct wire){(const unsigned char *)bytes.at, bytes.len, false};
}

struct trb_slice wire_take(struct wire *w, size_t len)
{
    if (w->broken || len > w->left) {
        w->broken = true;
        return SLICE("");
    }
    struct trb_slice taken = {(const char *)w->at, len};
    w->at += len;
    w->left -= len;
    return taken;
}

static uint64_t big_endian(const unsigned char *at, uint32_t bytes)
{
    uint64_t number = 0;
    for (uint32_t i = 0; i < bytes; i++)
        number = number << 8 | at[i];
    return number;
}

uint64_t wire_number(struct wire *w, uint32_t bytes)
{
    struct trb_slice taken = wire_take(w, bytes);
    return w->broken ? 0 : big_endian((const unsigned char *)taken.at, bytes);
}

struct trb_slice wire_short(struct wire *w)
{
    return wire_take(w, wire_number(w, 1));
}

struct trb_slice wire_long(struct wire *w)
{
    return wire_take(w, wire_number(w, 4));
}

/* ------------------------------------------------------------------------------------- tables */
static int64_t signed_number(struct wire *w, uint32_t bytes)
{
    uint32_t unused = 64 - 8 * bytes;
    return (int64_t)(wire_number(w, bytes) << unused) >> unused;
}

static double real_number(struct wire *w, uint32_t bytes)
{
    uint64_t bits = wire_number(w, bytes);
    uint32_t low = (uint32_t)bits;
    double wide;
    float narrow;
    memcpy(&wide, &bits, sizeof wide);
    memcpy(&narrow, &low, sizeof narrow);
    return bytes == 8 ? wide : (double)narrow;
}

static void read_value(struct wire *w, struct wire_value *v)
{
    *v = (struct wire_value){.kind = (char)wire_number(w, 1)};
    switch (v->kind) {
    case 't':
    case 'B': v->number = (int64_t)wire_number(w, 1); break;
    case 'b': v->number = signed_number(w, 1); break;
    case 's':
    case 'U': v->number = signed_number(w, 2); break;
    case 'u': v->number = (int64_t)wire_number(w, 2); break;
    case 'I': v->number = signed_number(w, 4); break;
    case 'i': v->number = (int64_t)wire_number(w, 4); break;
    case 'l':
    case 'L':
    case 'T': v->number = (int64_t)wire_number(w, 8); break;
    case 'f': v->real = real_number(w, 4); break;
    case 'd': v->real = real_number(w, 8); break;
    case 'D': v->text = wire_take(w, 5); break;
    case 'S':
    case 'x':
    case 'A':
    case 'F': v->text = wire_long(w); break;
    case 'V': break;
    default: w->broken = true;
    }
}

bool wire_field(struct wire *table, struct trb_slice *ret_name, struct wire_value *ret_value)
{
    if (!table->left || table->broken)
        return false;
    *ret_name = wire_short(table);
    read_value(table, ret_value);
    return !table->broken;
}

static bool is_whole(struct trb_slice bytes, bool is_array, uint32_t depth)
{
    struct wire w = wire_of(bytes);
    struct wire_value v;
    if (depth > WIRE_DEPTH)
        return false;
    while (w.left && !w.broken) {
        if (!is_array)
            wire_short(&w);
        read_value(&w, &v);
        if (!w.broken && (v.kind == 'F' || v.kind == 'A') && !is_whole(v.text, v.kind == 'A', depth + 1))
            return false;
    }
    return !w.broken;
}

bool wire_table_is_whole(struct trb_slice table)
{
    return is_whole(table, false, 0);
}

/* ------------------------------------------------------------------------------------ writing */
static void put_at(char *to, uint64_t number, uint32_t bytes)
{
    for (uint32_t i = bytes; i--; number >>= 8)
        to[i] = (char)(unsigned char)number;
}

void wire_put(struct text *t, uint64_t number, uint32_t bytes)
{
    put_at(text_room(t, bytes), number, bytes);
    text_wrote(t, bytes);
}

void wire_put_short(struct text *t, struct trb_slice s)
{
    s = slice_cut(s, WIRE_SHORT);
    wire_put(t, s.len, 1);
    text_add(t, s);
}

void wire_put_long(struct text *t, struct trb_slice s)
{
    wire_put(t, s.len, 4);
    text_add(t, s);
}

size_t wire_table_begin(struct text *t)
{
    wire_put(t, 0, 4);
    return t->len;
}

void wire_table_end(struct text *t, size_t begun)
{
    put_at(t->at + begun - 4, t->len - begun, 4);
}

static void put_name(struct text *t, const char *name, char kind)
{
    wire_put_short(t, slice_of(name));
    text_addc(t, kind);
}

void wire_put_text(struct text *t, const char *name, struct trb_slice value)
{
    put_name(t, name, 'S');
    wire_put_long(t, value);
}

void wire_put_int(struct text *t, const char *name, int64_t value)
{
    put_name(t, name, 'l');
    wire_put(t, (uint64_t)value, 8);
}

void wire_put_bool(struct text *t, const char *name, bool value)
{
    put_name(t, name, 't');
    wire_put(t, value, 1);
}

/* ------------------------------------------------------------------------------------- frames */
int64_t wire_frame_read(struct trb_slice bytes, uint32_t max, struct wire_frame *ret_frame)
{
    if (bytes.len < 7)
        return bytes.len && (unsigned char)bytes.at[0] > WIRE_HEARTBEAT ? -1 : 0;
    const unsigned char *at = (const unsigned char *)bytes.at;
    size_t len = big_endian(at + 3, 4);
    bool is_known = (at[0] >= WIRE_METHOD && at[0] <= WIRE_BODY) || at[0] == WIRE_HEARTBEAT;
    if (!is_known || len + WIRE_FRAME_EXTRA > max)
        return -1;
    if (bytes.len < len + WIRE_FRAME_EXTRA)
        return 0;
    if (bytes.at[7 + len] != WIRE_FRAME_END)
        return -1;
    *ret_frame = (struct wire_frame){at[0], (uint32_t)big_endian(at + 1, 2), {bytes.at + 7, len}};
    return (int64_t)(len + WIRE_FRAME_EXTRA);
}

void wire_frame_head(char to[7], uint32_t kind, uint32_t channel, size_t len)
{
    put_at(to, kind, 1);
    put_at(to + 1, channel, 2);
    put_at(to + 3, len, 4);
}

size_t wire_frame_begin(struct text *t, uint32_t kind, uint32_t channel)
{
    wire_frame_head(text_room(t, 7), kind, channel, 0);
    text_wrote(t, 7);
    return t->len;
}

void wire_frame_end(struct text *t, size_t begun)
{
    put_at(t->at + begun - 4, t->len - begun, 4);
    text_addc(t, WIRE_FRAME_END);
}

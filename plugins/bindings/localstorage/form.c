/* form: see form.h. */
#include "form.h"
#include <base/codec.h>
#include <base/json.h>
#include <base/slice.h>
#include <string.h>

static void leave_folder(struct text *t)
{
    while (t->len && t->at[t->len - 1] != '/')
        t->len--;
    t->len -= t->len > 0;
}

bool form_path(struct trb_slice name, struct text *ret_path)
{
    if (name.len > NAME_MAX_BYTES || (name.len && memchr(name.at, 0, name.len)))
        return false;
    text_clear(ret_path);
    text_adds(ret_path, "");
    while (name.at) {
        struct trb_slice part = slice_split(&name, '/');
        if (slice_is(part, SLICE("..")))
            leave_folder(ret_path);
        else if (part.len && !slice_is(part, SLICE("."))) {
            if (ret_path->len)
                text_addc(ret_path, '/');
            text_add(ret_path, part);
        }
    }
    text_adds(ret_path, "");
    if (ret_path->at)
        ret_path->at[ret_path->len] = 0;
    return true;
}

/* ------------------------------------------------------------------------------------------- data */
/* Line ends count for nothing in it. false: it is no base64. */
static bool decode(struct trb_slice from, struct text *ret)
{
    struct text plain = {0};
    char *room;
    size_t len = 0;
    for (size_t i = 0; i < from.len; i++)
        if (from.at[i] != '\r' && from.at[i] != '\n')
            text_addc(&plain, from.at[i]);
    room = text_room(ret, plain.len * 3 / 4 + 3);
    bool is_base64 = base64_decode(text_slice(&plain), false, room, &len, NULL);
    if (is_base64)
        text_wrote(ret, len);
    text_fini(&plain);
    return is_base64;
}

/* null, true and numbers look like base64 and never are. */
static bool may_be_base64(uint32_t kind)
{
    return kind == JSON_NONE || kind == JSON_STRING;
}

void form_data(struct trb_slice data, bool decodes_base64, struct text *ret_bytes)
{
    struct arena *scratch = arena_create(SIZE_MAX);
    struct json_value v = {0};
    struct json_fault fault;
    if (!json_parse(data, &v, &fault))
        v.kind = JSON_NONE;
    struct trb_slice bytes = v.kind == JSON_STRING ? json_text(scratch, v) : data;
    text_clear(ret_bytes);
    if (!decodes_base64 || !may_be_base64(v.kind) || !decode(bytes, ret_bytes))
        text_add(ret_bytes, bytes);
    arena_destroy(scratch);
}

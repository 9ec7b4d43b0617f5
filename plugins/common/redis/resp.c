/* resp: reading replies. Strict: a line ends in CRLF, a length is digits, a depth has a limit. */
#include <base/mem.h>
#include <base/slice.h>
#include <redis/resp.h>

struct reading {
    struct resp_reader *reader;
    struct trb_slice bytes;
    size_t at;
};

#define WHOLE 1
#define MAX_LINE (1u << 20)

static struct resp *add(struct resp_reader *r)
{
    if (r->count == RESP_MAX_NODES)
        return NULL;
    if (r->count == r->room) {
        r->room = r->room ? r->room * 2 : 16;
        r->nodes = mem_grow(r->nodes, r->room * sizeof *r->nodes);
    }
    struct resp *node = &r->nodes[r->count++];
    *node = (struct resp){.span = 1};
    return node;
}

/* The line behind the kind, without its end. */
static int read_line(struct reading *in, struct trb_slice *ret_line)
{
    const char *from = in->bytes.at + in->at, *end = memchr(from, '\r', in->bytes.len - in->at);
    if (!end && in->bytes.len - in->at > MAX_LINE)
        return RESP_BROKEN;
    if (!end || end + 1 == in->bytes.at + in->bytes.len) {
        in->reader->need = in->bytes.len + 1;
        return RESP_MORE;
    }
    if (end[1] != '\n')
        return RESP_BROKEN;
    *ret_line = slice_from(from, (size_t)(end - from));
    in->at += ret_line->len + 2;
    return WHOLE;
}

static int read_string(struct reading *in, struct resp *node, int64_t len)
{
    if (len == -1)
        return WHOLE;
    if (len < 0 || (uint64_t)len > RESP_MAX_STRING)
        return RESP_BROKEN;
    size_t end = in->at + (size_t)len;
    if (end + 2 > in->bytes.len) {
        in->reader->need = end + 2;
        return RESP_MORE;
    }
    if (in->bytes.at[end] != '\r' || in->bytes.at[end + 1] != '\n')
        return RESP_BROKEN;
    node->kind = RESP_STRING;
    node->text = slice_from(in->bytes.at + in->at, (size_t)len);
    in->at = end + 2;
    return WHOLE;
}

static int read_node(struct reading *in, uint32_t depth);

static int read_array(struct reading *in, uint32_t place, int64_t count, uint32_t depth)
{
    if (count == -1)
        return WHOLE;
    if (count < 0 || count > RESP_MAX_NODES || depth == RESP_MAX_DEPTH)
        return RESP_BROKEN;
    in->reader->nodes[place].kind = RESP_ARRAY;
    in->reader->nodes[place].count = (uint32_t)count;
    for (int64_t i = 0; i < count; i++) {
        int result = read_node(in, depth + 1);
        if (result != WHOLE)
            return result;
    }
    in->reader->nodes[place].span = in->reader->count - place;
    return WHOLE;
}

static int read_node(struct reading *in, uint32_t depth)
{
    uint32_t place = in->reader->count;
    struct resp *node = add(in->reader);
    struct trb_slice line;
    if (in->at == in->bytes.len) {
        in->reader->need = in->at + 1;
        return RESP_MORE;
    }
    char kind = in->bytes.at[in->at++];
    if (!node || !memchr("+-:$*", kind, 5))
        return RESP_BROKEN;
    int result = read_line(in, &line);
    if (result != WHOLE)
        return result;
    if (kind == '+' || kind == '-') {
        node->kind = kind == '+' ? RESP_STATUS : RESP_ERROR;
        node->text = line;
        return WHOLE;
    }
    if (!slice_to_i64(line, &node->integer))
        return RESP_BROKEN;
    if (kind == ':') {
        node->kind = RESP_INTEGER;
        return WHOLE;
    }
    return kind == '$' ? read_string(in, node, node->integer) : read_array(in, place, node->integer, depth);
}

int64_t resp_read(struct resp_reader *r, struct trb_slice bytes)
{
    struct reading in = {.reader = r, .bytes = bytes};
    if (bytes.len < r->need)
        return RESP_MORE;
    r->count = 0;
    r->need = 0;
    int result = read_node(&in, 0);
    return result == WHOLE ? (int64_t)in.at : result;
}

void resp_fini(struct resp_reader *r)
{
    r->nodes = mem_free(r->nodes);
    r->count = r->room = 0;
}

const struct resp *resp_at(const struct resp *r, uint32_t i)
{
    if (!r || r->kind != RESP_ARRAY || i >= r->count)
        return NULL;
    const struct resp *child = resp_first(r);
    while (i--)
        child = resp_next(child);
    return child;
}

bool resp_is(const struct resp *r, uint32_t kind)
{
    return r && r->kind == kind;
}

bool resp_error_is(const struct resp *r, const char *code)
{
    size_t len = strlen(code);
    return resp_is(r, RESP_ERROR) && slice_starts(r->text, slice_from(code, len)) &&
           (r->text.len == len || r->text.at[len] == ' ');
}

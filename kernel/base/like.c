/* like: see like.h. Greedy with one way back, so that no pattern takes more than length times length. */
#include <base/like.h>
#include <base/slice.h>

/* One character of the pattern: what it is, and how many bytes spell it. */
#define ANY_RUN 1
#define ANY_ONE 2
#define ITSELF 3

static int token(struct trb_slice p, size_t at, char *ret_byte, size_t *ret_len)
{
    bool escaped = p.at[at] == '\\' && at + 1 < p.len;
    *ret_len = escaped ? 2 : 1;
    *ret_byte = p.at[at + (escaped ? 1 : 0)];
    return escaped ? ITSELF : p.at[at] == '%' ? ANY_RUN : p.at[at] == '_' ? ANY_ONE : ITSELF;
}

static size_t character_len(struct trb_slice text, size_t at)
{
    size_t len = 1;
    while (at + len < text.len && ((unsigned char)text.at[at + len] & 0xc0) == 0x80)
        len++;
    return len;
}

bool slice_is_like(struct trb_slice text, struct trb_slice p)
{
    size_t t = 0, at = 0, run_p = SIZE_MAX, run_t = 0, len;
    char byte = 0;
    while (t < text.len) {
        int kind = at < p.len ? token(p, at, &byte, &len) : 0;
        if (kind == ANY_RUN) {
            run_p = at += len;
            run_t = t;
        } else if (kind == ANY_ONE) {
            at += len;
            t += character_len(text, t);
        } else if (kind == ITSELF && byte == text.at[t]) {
            at += len;
            t++;
        } else if (run_p != SIZE_MAX) {
            at = run_p;
            t = ++run_t;
        } else {
            return false;
        }
    }
    while (at < p.len && token(p, at, &byte, &len) == ANY_RUN)
        at += len;
    return at == p.len;
}

size_t like_head(struct trb_slice p, char *to)
{
    size_t len, count = 0;
    for (size_t at = 0; at < p.len && token(p, at, &to[count], &len) == ITSELF; at += len)
        count++;
    return count;
}

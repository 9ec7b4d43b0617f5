/* state_many: a store that promises to find keys by a pattern finds those, no others, each once, page by page. */
#include "state_words.h"
#include <base/mem.h>

#define KEYS 5u

/* The pattern that means this text and nothing else. */
static void plain(struct trb_name text, char *to)
{
    for (size_t i = 0; i < text.len; i++) {
        if (strchr("%_\\", text.at[i]) && text.at[i])
            *to++ = '\\';
        *to++ = text.at[i];
    }
    *to = 0;
}

struct page {
    char token[512];                           /* where to go on; "": that was all */
    uint32_t found[KEYS], others, keys;
};

static void note_item(struct page *p, const struct trb_state_key *item, const struct trb_name *keys)
{
    if (item->token.len && item->token.len < sizeof p->token)
        snprintf(p->token, sizeof p->token, "%.*s", SLICE_ARG(item->token));
    if (!item->key.len)
        return;
    p->keys++;
    for (uint32_t i = 0; i < KEYS; i++)
        if (slice_is(slice_name(item->key), slice_name(keys[i]))) {
            p->found[i]++;
            return;
        }
    p->others++;
}

/* One page; false: it failed, which is noted. */
static bool read_page(struct test *t, const char *pattern, uint32_t size, const struct trb_name *keys, struct page *p)
{
    char from[sizeof p->token];
    memcpy(from, p->token, sizeof from);
    struct trb_state_keys_like q = {.size = sizeof q, .pattern = name_of(pattern), .page_size = size,
                                    .token = from[0] ? slice_of(from) : (struct trb_slice){NULL, 0}};
    struct asked *a = ask(t, "keys_like", &q);
    bool is_well = a && !ask_failure(a);
    EXPECT(t, is_well, "keys_like fails: %s", a ? ask_why(a) : "no answer");
    uint32_t before = p->keys;
    p->token[0] = 0;
    for (uint32_t i = 0; is_well && i < ask_items(a); i++)
        if (ask_item(a, i))
            note_item(p, ask_item(a, i), keys);
    EXPECT(t, !size || p->keys - before <= size, "a page of at most %u keys has %u", size, p->keys - before);
    ask_end(a);
    return is_well;
}

static void expect_found(struct test *t, const char *pattern, uint32_t size, const struct trb_name *keys, uint32_t want)
{
    struct page p = {.token = ""};
    uint32_t pages = 0, once = 0;
    while (read_page(t, pattern, size, keys, &p) && p.token[0] && ++pages < 100)
        ;
    for (uint32_t i = 0; i < KEYS; i++) {
        EXPECT(t, p.found[i] <= 1, "a key is found %u times by %s", p.found[i], pattern);
        once += p.found[i] == 1;
    }
    EXPECT(t, once == want, "%u keys of %u are found by %s, in pages of %u", once, want, pattern, size);
    EXPECT(t, !p.others, "%u keys that are not like %s are found", p.others, pattern);
    EXPECT(t, pages < 100, "the pages of %s do not end", pattern);
}

static void finds_keys(struct test *t)
{
    static const char *const ends[KEYS] = {"-a1", "-a2", "-a3", "-b1", "-%_"};
    struct trb_name keys[KEYS], base = test_key(t, "like");
    char *pattern = mem_zero(2 * base.len + 16), *end = pattern;
    for (uint32_t i = 0; i < KEYS; i++) {
        char *text = mem_zero(base.len + 4);
        memcpy(text, base.at, base.len);
        memcpy(text + base.len, ends[i], 3);
        keys[i] = name_of(text);
        state_put(t, keys[i], SLICE("1"));
    }
    plain(base, pattern);
    end += strlen(pattern);
    memcpy(end, "%", 2);
    expect_found(t, pattern, 0, keys, KEYS);
    expect_found(t, pattern, 2, keys, KEYS);
    memcpy(end, "-a_", 4);
    expect_found(t, pattern, 0, keys, 3);
    memcpy(end, "-\\%\\_", 6);
    expect_found(t, pattern, 0, keys, 1);
    mem_free(pattern);
    for (uint32_t i = 0; i < KEYS; i++) {
        struct trb_error err;
        state_remove(t, keys[i], NULL, &err);
        mem_free((void *)(uintptr_t)keys[i].at);
    }
}

const struct test_case suite_state_many[] = {
    {"keys", "are found by a pattern, each once, page by page", finds_keys, "state", "keys_like", TRB_STATE_KEYS_LIKE},
    {0},
};

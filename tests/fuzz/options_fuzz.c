/* Options: any properties against a table with every type. What is accepted lies in its range and in its
 * member; what is refused is named; a secret value is in no sentence. */
#include "kernel/plugin/options.c"
#include <stdlib.h>

struct self {
    uint64_t fence_before;
    const char *text, *secret;
    uint32_t flag, choice;
    int64_t number, span, ms;
    uint64_t bytes, secret_bytes;
    double decimal;
    uint64_t fence_behind;
};

static const struct trb_option table[] = {
    TRB_STRING(struct self, text, "text", .aliases = "words|other", .required = 1, .doc = "A text."),
    TRB_STRING(struct self, secret, "secret", .sensitive = 1, .empty_is_absent = 1, .fallback = "none", .doc = "A secret."),
    TRB_BOOL(struct self, flag, "flag", .fallback = "true", .doc = "A flag."),
    TRB_INT(struct self, number, "number", .min = 1, .max = 10, .fallback = "5", .doc = "A number."),
    TRB_BYTES(struct self, bytes, "bytes", .fallback = "64KiB", .max = 1 << 30, .doc = "A size."),
    TRB_BYTES(struct self, secret_bytes, "secretBytes", .sensitive = 1, .doc = "A secret size."),
    TRB_DURATION(struct self, span, "span", .fallback = "5s", .max = 3600000000000, .doc = "A duration."),
    TRB_DURATION(struct self, ms, "ms", .bare_unit_ns = 1000000, .doc = "A duration in milliseconds."),
    TRB_CHOICE(struct self, choice, "choice", .choices = "red|green|blue", .fallback = "green", .doc = "A colour."),
    TRB_NUMBER(struct self, decimal, "decimal", .doc = "A decimal."),
    TRB_OPEN("x-", .doc = "Anything."),
};
static const struct trb_component component = {.type = "state.table", TRB_SELF(struct self, table)};

#define FENCE 0x5AFE5AFE5AFE5AFEull
#define MAX_PAIRS 64u

static void on_warning(void *arg, const char *sentence)
{
    check(sentence[0]);
}

/* name TAB value LF …; a value of a known prefix is replaced by one that must never be seen again. */
static uint32_t read_pairs(struct trb_slice data, struct trb_pair *ret, struct arena *keep)
{
    uint32_t count = 0;
    while (data.at && count < MAX_PAIRS) {
        struct trb_slice value = slice_split(&data, '\n'), name = slice_split(&value, '\t');
        if (!value.at)
            value = SLICE("");
        if (slice_is_nocase(name, SLICE("secretBytes")))
            value = SLICE("c0nfidential");
        ret[count++] = (struct trb_pair){arena_name(keep, name), arena_name(keep, value)};
    }
    return count;
}

static void judge(const struct self *s)
{
    check(s->text && s->flag <= 1 && s->choice <= 2);
    check(s->number >= 1 && s->number <= 10);
    check(s->bytes <= 1u << 30 && s->span <= 3600000000000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *keep = arena_create(1 << 24);
    struct trb_pair pairs[MAX_PAIRS];
    struct trb_error err = ERROR_INIT;
    struct self self = {.fence_before = FENCE, .fence_behind = FENCE};
    uint32_t count = read_pairs(slice_from((const char *)data, size), pairs, keep);
    struct options_input input = {.properties = {pairs, count, sizeof pairs[0]}, .component = "it"};
    if (!options_fill(&component, &input, &self, keep, on_warning, NULL, &err))
        judge(&self);
    else
        check(err.message[0] && (memmem(data, size, "c0nf", 4) || !strstr(err.message, "c0nfidential")));
    check(self.fence_before == FENCE && self.fence_behind == FENCE);
    arena_destroy(keep);
    return 0;
}

/* Any bytes as a file of resources: no fault; what is kept can be resolved and written as JSON, which is
 * JSON; redacted, it shows no secret; and the same bytes make the same prints. */
#include <base/check.h>
#include <base/error.h>
#include <base/json.h>
#include <base/slice.h>
#include <config/changes.h>
#include <config/resolve.h>

#define SECRET "s3cr3t-that-must-not-show"

static void drop_warning(void *arg, const char *sentence)
{
    check(sentence && *sentence);
}

/* Every other secret is there: under any key, its value is the same. */
static void get(void *arg, struct trb_slice store, struct trb_slice name, struct trb_slice namespace_,
                struct secret_ticket *ticket)
{
    const struct trb_pair pairs[] = {{NAME("password"), NAME(SECRET)}, {NAME("k"), NAME("\"" SECRET "\"")}};
    secret_answer(ticket, &(const struct trb_pairs){pairs, 2, sizeof pairs[0]}, NULL);
}

static void then(void *arg, struct resource *r, const struct trb_error *err)
{
    uint32_t *finished = arg;
    check(!err || err->message[0]);
    (*finished)++;
}

static bool says_secret_itself(const struct resource *r)
{
    struct text t = {0};
    struct trb_slice json;
    resource_to_json(r, false, &t);
    json = text_slice(&t);
    bool says = slice_contains(json, SLICE("s3cr3t"));
    text_fini(&t);
    return says;
}

static void write_json(const struct resource *r, bool may_show)
{
    struct text t = {0};
    struct json_value value;
    struct json_fault fault;
    for (uint32_t redact = 0; redact < 2; redact++) {
        text_clear(&t);
        resource_to_json(r, redact, &t);
        check(json_parse(text_slice(&t), &value, &fault) && value.kind == JSON_OBJECT);
        check(!redact || may_show || !slice_contains(text_slice(&t), SLICE(SECRET)));
    }
    text_fini(&t);
}

static void use(struct resource *r)
{
    static const struct environment environment = {.pod_name = {"pod", 3}};
    static const struct resolve_context context = {.environment = &environment, .app_id = {"shop", 4}, .get = get};
    uint32_t finished = 0;
    bool may_show = says_secret_itself(r);
    check(r->magic == RESOURCE_MAGIC && r->refs == 1 && r->log_name.at);
    write_json(r, may_show);
    check(!resource_resolve(r, &context, then, &finished) && finished == 1);
    write_json(r, may_show);
}

static struct resource_set *read_set(struct trb_slice text)
{
    struct resource_query query = {.app_id = SLICE("shop"), .namespace_ = SLICE("here"), .warn = drop_warning};
    struct resource_set *set = NULL;
    check(resource_set_parse("fuzz.yaml", text, &query, &set, NULL) == TRB_OK && set);
    return set;
}

static void compare(struct resource_set *set, struct resource_set *again)
{
    for (uint32_t kind = 0; kind < RESOURCE_KINDS; kind++) {
        struct change_list list = changes_between(set, again, kind);
        check(list.count == 0);
        change_list_fini(&list);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 65536)
        return 0;
    struct trb_slice text = slice_from((const char *)data, size);
    struct resource_set *set = read_set(text), *again = read_set(text);
    compare(set, again);
    for (uint32_t kind = 0; kind < RESOURCE_KINDS; kind++)
        for (uint32_t i = 0; i < set->of[kind].count; i++)
            use(set->of[kind].at[i]);
    resource_set_destroy(set);
    resource_set_destroy(again);
    return 0;
}

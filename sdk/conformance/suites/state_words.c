/* state_words: one question each. */
#include "state_words.h"
#include <base/error.h>
#include <base/mem.h>

struct stored state_read(struct test *t, struct trb_name key)
{
    struct trb_state_get q = {.size = sizeof q, .key = key, .consistency = TRB_STATE_STRONG};
    struct stored got = {.asked = ask(t, "get", &q), .why = "", .failed = true};
    const struct trb_state_item *item = got.asked ? ask_answer(got.asked) : NULL;
    if (item) {
        struct trb_name expires = trb_pair_get(&item->metadata, "ttlExpireTime");
        got.failed = false;
        got.value = slice_from(item->value.at, item->value.len);
        got.etag = item->etag;
        got.expires = slice_name(expires);
    } else if (got.asked && ask_failure(got.asked)) {
        got.why = ask_failure(got.asked)->message;
    }
    return got;
}

void stored_end(struct stored *got)
{
    got->asked = ask_end(got->asked);
}

bool state_put_if(struct test *t, struct trb_name key, struct trb_slice value, const char *etag, uint32_t concurrency,
                  struct trb_error *err)
{
    struct trb_state_set q = {.size = sizeof q, .key = key, .value = {value.at, value.len, NULL}, .etag = name_of(etag),
                              .concurrency = concurrency};
    return ask_well(t, "set", &q, err);
}

bool state_put(struct test *t, struct trb_name key, struct trb_slice value)
{
    struct trb_error err = ERROR_INIT;
    bool well = state_put_if(t, key, value, NULL, 0, &err);
    test_check(t, well, "set of '%s' fails: %s", key.at, err.message);
    return well;
}

bool state_remove(struct test *t, struct trb_name key, const char *etag, struct trb_error *err)
{
    struct trb_state_delete q = {.size = sizeof q, .key = key, .etag = name_of(etag)};
    return ask_well(t, "remove", &q, err);
}

char *state_etag(struct test *t, struct trb_name key)
{
    struct stored got = state_read(t, key);
    char *copy = got.etag.len ? mem_text(got.etag.at, got.etag.len) : NULL;
    stored_end(&got);
    return copy;
}

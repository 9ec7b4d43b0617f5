/* Any bytes as a configuration: it is read or refused with a sentence, and what was read can be asked. */
#include <base/check.h>
#include <base/error.h>
#include <base/json.h>
#include <base/slice.h>
#include <config/configuration.h>

static void check_json(struct trb_slice json)
{
    struct json_value value;
    struct json_fault fault;
    check(json_parse(json, &value, &fault));
}

static void ask(const struct configuration *c)
{
    struct text t = {0};
    configuration_metrics_json(c, &t);
    check_json(text_slice(&t));
    text_clear(&t);
    configuration_features_json(c, &t);
    check_json(text_slice(&t));
    text_fini(&t);
    check_json(c->spec);
    check(c->metrics.bucket_count);
    configuration_denies_component(c, SLICE("state.redis"), SLICE("v1"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct configuration *c = NULL;
    struct trb_error err = ERROR_INIT;
    if (configuration_parse("f.yaml", slice_from((const char *)data, size), NULL, &c, &err))
        check(err.message[0] && err.code && !c);
    else
        ask(c);
    configuration_destroy(c);
    return 0;
}

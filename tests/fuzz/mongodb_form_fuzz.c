/* mongodb_form_fuzz: any JSON in BSON: what is exact reads back to the letter, the rest reads back as JSON that does;
 * any BSON has a JSON; any pattern is a regular expression. */
#include "plugins/state/mongodb/form.c"

static void as_json(struct trb_slice text)
{
    struct json_value v, again;
    struct json_fault fault;
    struct form form;
    struct text t = {0};
    bson_iter_t iter;
    bson_t doc = BSON_INITIALIZER;
    if (json_parse(text, &v, &fault) && json_is_compact(v) && form_append(&doc, "value", v, &form)) {
        if (!bson_iter_init_find(&iter, &doc, "value"))
            abort();
        if (v.kind != JSON_STRING)
            form_json(&iter, &t);
        if (v.kind != JSON_STRING && (!json_parse(text_slice(&t), &again, &fault) ||
                                      form.is_exact != slice_is(text_slice(&t), v.raw)))
            abort();
    }
    bson_destroy(&doc);
    text_fini(&t);
}

static void as_bson(const uint8_t *data, size_t size)
{
    struct json_value v;
    struct json_fault fault;
    struct text t = {0};
    bson_iter_t iter;
    bson_t doc;
    if (bson_init_static(&doc, data, size) && bson_validate(&doc, BSON_VALIDATE_UTF8 | BSON_VALIDATE_UTF8_ALLOW_NULL, NULL) &&
        bson_iter_init_find(&iter, &doc, "value")) {
        form_json(&iter, &t);
        if (!json_parse(text_slice(&t), &v, &fault) && !strstr(fault.message, "depth"))
            abort();
    }
    text_fini(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text t = {0};
    as_json(slice_from((const char *)data, size));
    as_bson(data, size);
    form_like(slice_from((const char *)data, size), &t);
    if (t.len < 3 || strlen(t.at) != t.len)
        abort();
    text_fini(&t);
    return 0;
}

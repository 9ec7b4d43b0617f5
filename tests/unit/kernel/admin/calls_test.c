/* The table of calls: how a request finds its row, and the description that is made from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include "kernel/admin/calls.c"

#include <admin/openapi.h>
#include <admin/schemas.h>
#include <base/json.h>

/* The id of the row, "known" when only the method is wrong, or "none". */
static const char *found(const char *method, const char *path, struct trb_slice *ret_name)
{
    bool is_known;
    *ret_name = (struct trb_slice){0};
    const struct admin_call *c = calls_find(slice_of(method), slice_of(path), ret_name, &is_known);
    return c ? c->id : is_known ? "known" : "none";
}

static void a_path_and_a_method_find_their_call(void **state)
{
    struct trb_slice name;
    assert_string_equal(found("GET", "/v1/admin", &name), "index");
    assert_string_equal(found("GET", "/v1/admin/components", &name), "listComponents");
    assert_string_equal(found("POST", "/v1/admin/components", &name), "addComponent");
    assert_int_equal(name.len, 0);
    assert_string_equal(found("GET", "/v1/admin/components/orders", &name), "showComponent");
    assert_true(slice_is(name, SLICE("orders")));
    assert_string_equal(found("DELETE", "/v1/admin/components/reload", &name), "removeComponent");
    assert_true(slice_is(name, SLICE("reload")));
    assert_string_equal(found("POST", "/v1/admin/plugins/state.redis/reload", &name), "reloadPlugin");
    assert_true(slice_is(name, SLICE("state.redis")));
}

static void another_method_is_told_from_another_path(void **state)
{
    static const char *const wrong[] = {"", "/", "/v1/admin/", "/v1/admin/component", "/v1/admin/components/", "/v1/admin/components//reload",
                                        "/v1/admin/components/a/b", "/v1/admin/components/a%2", "/v1/admin/components/a%0Ab", "/v1/admin/components/a/reload/",
                                        "/v1/admin/plugins/state", "/V1/admin", "/v1/admin/openapi.json/x"};
    struct trb_slice name;
    for (size_t i = 0; i < countof(wrong); i++)
        assert_string_equal(found("GET", wrong[i], &name), "none");
    assert_string_equal(found("PUT", "/v1/admin/components", &name), "known");
    assert_string_equal(found("get", "/v1/admin", &name), "known");
    assert_string_equal(found("GET", "/v1/admin/plugins/state/reload", &name), "known");
}

static void a_name_has_an_end(void **state)
{
    char path[400] = "/v1/admin/components/";
    size_t front = strlen(path);
    struct trb_slice name;
    memset(path + front, 'x', 255);
    assert_string_equal(found("GET", path, &name), "showComponent");
    path[front + 255] = 'x';
    assert_string_equal(found("GET", path, &name), "none");
}

static void a_name_is_read_with_its_escapes(void **state)
{
    struct trb_slice raw;
    char name[CALLS_NAME], path[1000] = "/v1/admin/components/";
    size_t len;
    assert_string_equal(found("DELETE", "/v1/admin/components/a%2fb%20%C3%A9%25", &raw), "removeComponent");
    assert_true(calls_read_name(raw, name, &len));
    assert_true(slice_is(slice_from(name, len), SLICE("a/b \xc3\xa9%")));
    for (int i = 0; i < 255; i++)
        strcat(path, "%20");
    assert_string_equal(found("GET", path, &raw), "showComponent");
    assert_true(calls_read_name(raw, name, &len) && len == 255);
    strcat(path, "x");
    assert_string_equal(found("GET", path, &raw), "none");
}

static void the_methods_of_a_path_are_told(void **state)
{
    struct text t = {0};
    calls_methods(SLICE("/v1/admin/components"), &t);
    assert_string_equal(t.at, "GET, POST");
    text_clear(&t);
    calls_methods(SLICE("/v1/admin/components/a"), &t);
    assert_string_equal(t.at, "GET, DELETE");
    text_fini(&t);
}

/* ---------------------------------------------------------------------------------- the description */
static struct json_value described(struct text *t)
{
    struct json_value all;
    struct json_fault fault;
    openapi_write("1.2.3", t);
    assert_true(json_parse(text_slice(t), &all, &fault));
    return all;
}

static struct json_value at(struct json_value from, const char *key)
{
    struct json_value v = json_find(from, slice_of(key));
    if (v.kind == JSON_NONE)
        print_error("no %s\n", key);
    assert_int_not_equal(v.kind, JSON_NONE);
    return v;
}

static void every_call_is_in_the_description(void **state)
{
    struct text t = {0};
    struct json_value paths = at(described(&t), "paths");
    for (size_t i = 0; i < countof(table); i++) {
        char method[8] = "";
        for (size_t n = 0; table[i].method[n]; n++)
            method[n] = (char)(table[i].method[n] | 0x20);
        struct json_value call = at(at(paths, table[i].path), method), id = at(call, "operationId");
        assert_true(json_key_is(id.raw, slice_of(table[i].id)));
        assert_int_equal(json_find(call, SLICE("requestBody")).kind != JSON_NONE, table[i].takes != NULL);
        at(at(call, "responses"), "200");
    }
    text_fini(&t);
}

static void every_schema_that_a_call_or_a_schema_names_is_there(void **state)
{
    struct text t = {0};
    struct json_value schemas = at(at(described(&t), "components"), "schemas");
    size_t count;
    const struct schema *s = schemas_all(&count);
    for (size_t i = 0; i < countof(table); i++) {
        at(schemas, table[i].gives);
        if (table[i].takes && strcmp(table[i].takes, "yaml"))
            at(schemas, table[i].takes);
    }
    for (size_t i = 0; i < count; i++)
        for (const struct schema_field *f = s[i].fields; f->name; f++)
            if (strchr(f->type, '#'))
                at(schemas, strchr(f->type, '#') + 1);
    text_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_and_a_method_find_their_call),
        cmocka_unit_test(another_method_is_told_from_another_path),
        cmocka_unit_test(a_name_has_an_end),
        cmocka_unit_test(a_name_is_read_with_its_escapes),
        cmocka_unit_test(the_methods_of_a_path_are_told),
        cmocka_unit_test(every_call_is_in_the_description),
        cmocka_unit_test(every_schema_that_a_call_or_a_schema_names_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* http_endpoint_test: an HTTPEndpoint's URL, headers and TLS material. */
#include <kernel/config/http_endpoint.c>
#include <tests/unit/kernel/config/resource_fixture.h>

#define HEAD "apiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata:\n  name: e\n"

static struct http_endpoint *parse(struct fixture *f, const char *text)
{
    fixture_begin(f);
    fixture_parse(f, text);
    return http_endpoint_of(f->set->of[RESOURCE_HTTP_ENDPOINT].count ? f->set->of[RESOURCE_HTTP_ENDPOINT].at[0] : NULL);
}

static void an_endpoint_has_a_url_headers_and_material(void **state)
{
    struct fixture f;
    struct http_endpoint *e = parse(&f, HEAD "spec:\n  baseUrl: https://x:1/\n  headers:\n  - name: a\n    value: 1\n"
                                             "  - name: b\n    secretKeyRef: {name: s, key: k}\n"
                                             "  clientTLS:\n    renegotiation: OnceAsClient\n"
                                             "    rootCA: {value: \"one\\ntwo\"}\n    privateKey: {secretKeyRef: {name: key}}\n"
                                             "auth: {secretStore: vault}\n");
    assert_string_equal(e->base_url.at, "https://x:1/");
    assert_string_equal(e->head.log_name.at, "e (https://x:1/)");
    assert_string_equal(e->head.secret_store.at, "vault");
    assert_int_equal(e->header_count, 2);
    assert_string_equal(e->headers[0].value.at, "1");
    assert_string_equal(e->headers[1].secret_key.at, "k");
    assert_string_equal(e->root_ca->value.at, "one\ntwo");
    assert_string_equal(e->root_ca->name.at, "rootCA");
    assert_null(e->certificate);
    assert_string_equal(e->private_key->secret_name.at, "key");
    assert_int_equal(e->renegotiation, ENDPOINT_RENEGOTIATE_ONCE);
    assert_int_equal(e->head.property_count, 4);
    fixture_end(&f);
}

static void nothing_is_negotiated_again_unless_said(void **state)
{
    struct fixture f;
    assert_int_equal(parse(&f, HEAD "spec: {baseUrl: http://x}\n")->renegotiation, ENDPOINT_RENEGOTIATE_NEVER);
    fixture_end(&f);
    assert_int_equal(parse(&f, HEAD "spec: {clientTLS: {renegotiation: FreelyAsClient}}\n")->renegotiation,
                     ENDPOINT_RENEGOTIATE_FREELY);
    fixture_end(&f);
}

static void a_second_endpoint_of_a_name_is_told(void **state)
{
    struct fixture f;
    parse(&f, HEAD "spec: {baseUrl: http://x}\n---\n" HEAD "spec: {baseUrl: http://y}\n");
    assert_string_equal(f.set->duplicates[RESOURCE_HTTP_ENDPOINT].at,
                        "duplicate definition of HTTPEndpoint name e (http://y) with existing e (http://x)");
    fixture_end(&f);
}

static void wrong_fields_name_the_line(void **state)
{
    static const struct { const char *spec, *said; } cases[] = {
        {"spec:\n  baseUrl: {}\n", "f.yaml:6: spec.baseUrl must be a text, not a mapping"},
        {"spec:\n  headers: a\n", "f.yaml:6: spec.headers must be a list, not \"a\""},
        {"spec:\n  clientTLS: []\n", "f.yaml:6: spec.clientTLS must be a mapping, not a list"},
        {"spec:\n  clientTLS:\n    rootCA: PEM\n", "f.yaml:7: spec.clientTLS.rootCA must be a mapping, not \"PEM\""},
        {"spec:\n  clientTLS:\n    renegotiation: Sometimes\n",
         "f.yaml:7: spec.clientTLS.renegotiation must be Never, OnceAsClient or FreelyAsClient, not Sometimes"},
    };
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture f;
        char text[256];
        snprintf(text, sizeof text, HEAD "%s", cases[i].spec);
        assert_null(parse(&f, text));
        fixture_warned(&f, "daprd load HTTPEndpoint error when parsing manifests yaml resource in f.yaml: ");
        fixture_warned(&f, cases[i].said);
        fixture_end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_endpoint_has_a_url_headers_and_material),
        cmocka_unit_test(nothing_is_negotiated_again_unless_said),
        cmocka_unit_test(a_second_endpoint_of_a_name_is_told),
        cmocka_unit_test(wrong_fields_name_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* xml: what Amazon's answers look like, and what is no XML. */
#include <aws/xml.h>
#include <base/slice.h>
#include <base/text.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static struct text said;

static const char *walk(const char *text)
{
    struct xml x;
    struct xml_token t;
    text_clear(&said);
    text_adds(&said, "");
    xml_begin(&x, slice_of(text));
    while (xml_next(&x, &t))
        text_addf(&said, "%s%.*s ", t.kind == XML_OPEN ? "<" : t.kind == XML_CLOSE ? "/" : "=", SLICE_ARG(t.raw));
    text_adds(&said, x.is_broken ? "!" : ".");
    return said.at;
}

static void elements_and_texts_come_in_order(void **state)
{
    assert_string_equal(walk("<?xml version=\"1.0\"?>\n<!-- a > b --><a x=\"1>2\" y='<'>\n  <b>t</b><c/><s:d>u v</s:d>\n</a>\n"),
                        "<a <b =t /b <c /c <d =u v /d /a .");
    assert_string_equal(walk(""), ".");
}

static void what_is_no_xml_ends_at_once(void **state)
{
    static const char *const bad[] = {"<a>", "<a></b>", "</a>", "text", "<a", "<a b=\"", "<a><!DOCTYPE x></a>", "<!-- ", "<?x", "<>", "<a <b>",
                                      "<a></a", "<![CDATA[x]]>", "<a></a>x"};
    for (size_t n = 0; n < sizeof bad / sizeof *bad; n++) {
        const char *got = walk(bad[n]);
        assert_int_equal(got[strlen(got) - 1], '!');
    }
}

static void depth_is_bounded(void **state)
{
    struct text deep = {0};
    for (int n = 0; n < 100; n++)
        text_adds(&deep, "<a>");
    const char *got = walk(deep.at);
    assert_int_equal(got[strlen(got) - 1], '!');
    text_fini(&deep);
}

static void entities_are_resolved_once(void **state)
{
    struct arena *a = arena_create(1 << 16);
    assert_string_equal(xml_text(a, SLICE("&lt;&amp;amp;&gt;&quot;&apos;&#65;&#x20AC;&#x1F600;")).at, "<&amp;>\"'A\u20ac\U0001F600");
    assert_string_equal(xml_text(a, SLICE("&;&nope;&#0;&#xD800;&#x110000;&amp")).at, "&;&nope;&#0;&#xD800;&#x110000;&amp");
    arena_destroy(a);
}

static void an_element_is_found_at_any_depth(void **state)
{
    struct arena *a = arena_create(1 << 16);
    struct trb_slice text = SLICE("<r><k><Id>1&amp;2</Id><Id>3</Id></k><None/><Blank></Blank></r>");
    assert_string_equal(xml_find(a, text, "Id").at, "1&2");
    assert_string_equal(xml_find(a, text, "None").at, "");
    assert_string_equal(xml_find(a, text, "Blank").at, "");
    assert_null(xml_find(a, text, "Other").at);
    arena_destroy(a);
    text_fini(&said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_and_texts_come_in_order), cmocka_unit_test(what_is_no_xml_ends_at_once), cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(entities_are_resolved_once), cmocka_unit_test(an_element_is_found_at_any_depth)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

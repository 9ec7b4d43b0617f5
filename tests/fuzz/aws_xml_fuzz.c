/* aws_xml: any text is walked to its end, and what is found lies within it. */
#include <aws/xml.h>
#include <base/check.h>
#include <base/slice.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trb_slice text = {(const char *)data, size};
    struct arena *a = arena_create(64u << 20);
    struct xml x;
    struct xml_token t;
    size_t opened = 0, closed = 0;
    xml_begin(&x, text);
    while (xml_next(&x, &t)) {
        opened += t.kind == XML_OPEN;
        closed += t.kind == XML_CLOSE;
        check(t.raw.at >= text.at && t.raw.at + t.raw.len <= text.at + text.len);
        check(xml_text(a, t.raw).len <= t.raw.len);
    }
    check(x.is_broken || opened == closed);
    xml_find(a, text, "Key");
    arena_destroy(a);
    return 0;
}

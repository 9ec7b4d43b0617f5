/* Any text as a routing rule over a fixed event: it compiles or says why not, and gives a verdict or
 * says why not, within bounds. */
#include <base/check.h>
#include <base/slice.h>
#include <cel/cel.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    static const char *const names[] = {"event", NULL};
    static const char text[] = "{\"type\":\"a\",\"data\":{\"n\":6,\"s\":\"t\\u00e9\",\"l\":[1,2.5,\"x\",null,{\"k\":[]}]},\"id\":\"1\"}";
    struct cel_variable event = {.name = SLICE("event")};
    struct json_fault bad;
    char fault[256] = "";
    check(json_parse(SLICE(text), &event.value, &bad));
    struct cel *c = cel_compile(slice_from((const char *)at, len), names, fault, sizeof fault);
    if (!c) {
        check(*fault);
        return 0;
    }
    int verdict = cel_test(c, &event, 1, fault, sizeof fault);
    check(verdict == 0 || verdict == 1 || (verdict == -1 && *fault));
    cel_destroy(c);
    return 0;
}

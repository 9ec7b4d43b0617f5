/* What a role of the process consists of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernel/runtime/sets.c"

static int position(const char *plugin)
{
    const char *const *all = set_plugins(SLICE("sidecar"));
    for (int i = 0; all[i]; i++)
        if (slice_is(slice_of(all[i]), slice_of(plugin)))
            return i;
    return -1;
}

static void a_sidecar_has_its_blocks(void **unused)
{
    static const char *const names[] = {"state", "pubsub", "secretstores", "invoke", "metadata", "healthz", "shutdown"};
    for (size_t i = 0; i < countof(names); i++)
        assert_true(position(names[i]) >= 0);
    assert_int_equal(position("nothing"), -1);
}

static void a_name_is_found_in_any_letter_case(void **unused)
{
    assert_ptr_equal(set_plugins(SLICE("Sidecar")), set_plugins(SLICE("sidecar")));
}

static void an_unknown_set_is_none(void **unused)
{
    assert_null(set_plugins(SLICE("")));
    assert_null(set_plugins(SLICE("side")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sidecar_has_its_blocks),
        cmocka_unit_test(a_name_is_found_in_any_letter_case),
        cmocka_unit_test(an_unknown_set_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

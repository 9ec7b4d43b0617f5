/* The loader: which files are taken for plugins, and which are refused in words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include "kernel/plugin/loader.c"
#include <dirent.h>
#include <trilby/state.h>

#define give_up(...) (print_error(__VA_ARGS__), _fail(__FILE__, __LINE__))

static char folder[64];

static void copy_file(const char *from, const char *to)
{
    char command[600];
    snprintf(command, sizeof command, "cp --remove-destination '%s/%s' '%s/%s'", TEST_PLUGINS, from, folder, to);
    assert_int_equal(system(command), 0);
}

static void clear_folder(void)
{
    DIR *d = opendir(folder);
    for (struct dirent *e; (e = readdir(d));)
        unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
}

static int prepare(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/trilby-loader-XXXXXX");
    assert_non_null(mkdtemp(folder));
    loader_add_folder(folder);
    return 0;
}

static int clean_up(void **state)
{
    clear_folder();
    return rmdir(folder);
}

static void expect_refusal(const char *name, const char *sentence)
{
    struct trb_error err = ERROR_INIT;
    struct plugin *p = NULL;
    assert_int_not_equal(loader_copy(slice_of(name), &p, &err), TRB_OK);
    if (!strstr(err.message, sentence))
        give_up("%s was refused with: %s\n", name, err.message);
}

static void names_that_lead_elsewhere_are_no_names(void **state)
{
    static const char *const names[] = {"", "../evil", "a/b", "State.Redis", ".hidden", "a b", "a\nb", "a;b"};
    for (size_t i = 0; i < countof(names); i++)
        expect_refusal(names[i], "is no name of a plugin");
}

static void a_missing_file_names_the_folder(void **state)
{
    expect_refusal("state.absent", folder);
}

static void a_file_that_others_may_write_is_refused(void **state)
{
    char path[128];
    copy_file("state.hostile.so", "state.open.so");
    snprintf(path, sizeof path, "%s/state.open.so", folder);
    chmod(path, 0666);
    expect_refusal("state.open", "chmod go-w");
    chmod(path, 0600);
}

static void a_folder_that_others_may_write_is_refused(void **state)
{
    copy_file("state.hostile.so", "state.hostile.so");
    chmod(folder, 0777);
    expect_refusal("state.hostile", "chmod go-w");
    chmod(folder, 0700);
}

static void a_link_may_lead_to_a_plain_name_beside_it_only(void **state)
{
    struct trb_error err = ERROR_INIT;
    struct plugin *p = NULL;
    char path[128];
    copy_file("state.hostile.so", "state.hostile.so");
    snprintf(path, sizeof path, "%s/state.alias.so", folder);
    assert_int_equal(symlink("state.hostile.so", path), 0);
    assert_int_equal(loader_copy(SLICE("state.alias"), &p, &err), TRB_OK);
    plugin_unref(p);
    snprintf(path, sizeof path, "%s/state.away.so", folder);
    assert_int_equal(symlink(TEST_PLUGINS "/state.hostile.so", path), 0);
    expect_refusal("state.away", "state.away.so is a link to something else than a file beside it");
}

static void assert_never_said(const char *name, const char *words)
{
    struct trb_error err = ERROR_INIT;
    struct plugin *p = NULL;
    loader_copy(slice_of(name), &p, &err);
    assert_null(strstr(err.message, words));
}

static void what_is_no_plugin_is_refused_with_its_path(void **state)
{
    char path[128];
    copy_file("state.wrong-abi.so", "state.wrong-abi.so");
    copy_file("state.wrong-symbol.so", "state.wrong-symbol.so");
    copy_file("state.wrong-size.so", "state.wrong-size.so");
    expect_refusal("state.wrong-abi", "was built for ABI 1.");
    expect_refusal("state.wrong-symbol", "exports no trilby_plugin_v1");
    expect_refusal("state.wrong-size", "its manifest has 8 bytes");
    snprintf(path, sizeof path, "%s/state.text.so", folder);
    FILE *f = fopen(path, "w");
    fputs("not an object", f);
    fclose(f);
    chmod(path, 0644);
    expect_refusal("state.text", path);
    assert_never_said("state.text", "/proc/self");
}

static void the_newest_copy_is_shared_and_a_new_one_is_another(void **state)
{
    struct trb_error err = ERROR_INIT;
    struct plugin *first = NULL, *again = NULL, *second = NULL, *newest = NULL;
    copy_file("state.hostile.so", "state.hostile.so");
    assert_int_equal(loader_get(SLICE("state.hostile"), &first, &err), TRB_OK);
    assert_int_equal(loader_get(SLICE("state.hostile"), &again, &err), TRB_OK);
    assert_ptr_equal(first, again);
    assert_int_equal(loader_copy(SLICE("state.hostile"), &second, &err), TRB_OK);
    assert_ptr_not_equal(first, second);
    assert_true(second->serial > first->serial);
    assert_int_equal(loader_get(SLICE("state.hostile"), &newest, &err), TRB_OK);
    assert_ptr_equal(newest, second);
    plugin_unref(first), plugin_unref(again), plugin_unref(second), plugin_unref(newest);
}

static void a_copy_that_was_rejected_is_the_newest_no_more(void **state)
{
    struct trb_error err = ERROR_INIT;
    struct plugin *first = NULL, *bad = NULL, *newest = NULL;
    copy_file("state.hostile.so", "state.hostile.so");
    assert_int_equal(loader_copy(SLICE("state.hostile"), &first, &err), TRB_OK);
    assert_int_equal(loader_copy(SLICE("state.hostile"), &bad, &err), TRB_OK);
    loader_reject(bad);
    assert_int_equal(loader_get(SLICE("state.hostile"), &newest, &err), TRB_OK);
    assert_ptr_equal(newest, first);
    plugin_unref(first), plugin_unref(newest);
    assert_int_equal(loader_get(SLICE("state.hostile"), &newest, &err), TRB_OK);
    assert_ptr_not_equal(newest, bad);
    plugin_unref(bad), plugin_unref(newest);
}

static void once_a_copy_has_taken_over_nobody_starts_from_another(void **state)
{
    struct trb_error err = ERROR_INIT;
    struct plugin *first = NULL, *second = NULL, *newest = NULL;
    copy_file("state.hostile.so", "state.hostile.so");
    assert_int_equal(loader_copy(SLICE("state.hostile"), &first, &err), TRB_OK);
    assert_int_equal(loader_copy(SLICE("state.hostile"), &second, &err), TRB_OK);
    loader_prefer(second);
    uint64_t serial = second->serial;
    plugin_unref(second);
    assert_int_equal(loader_get(SLICE("state.hostile"), &newest, &err), TRB_OK);
    assert_true(newest->serial > serial);
    plugin_unref(first), plugin_unref(newest);
}

static void there_may_be_any_number_of_folders(void **state)
{
    struct trb_error err = ERROR_INIT;
    struct plugin *p = NULL;
    char path[64];
    uint32_t before, after;
    loader_folders(&before);
    for (int i = 0; i < 100; i++) {
        snprintf(path, sizeof path, "/nowhere/%d", i);
        loader_add_folder(path);
    }
    loader_folders(&after);
    assert_int_equal(after, before + 100);
    copy_file("state.hostile.so", "state.hostile.so");
    assert_int_equal(loader_get(SLICE("state.hostile"), &p, &err), TRB_OK);
    plugin_unref(p);
}

static void a_component_is_found_by_type_and_version_without_regard_to_case(void **state)
{
    struct trb_error err = ERROR_INIT;
    struct plugin *p = NULL;
    copy_file("state.hostile.so", "state.hostile.so");
    assert_int_equal(loader_get(SLICE("state.hostile"), &p, &err), TRB_OK);
    assert_non_null(plugin_component(p, SLICE("state.hostile"), SLICE("")));
    assert_non_null(plugin_component(p, SLICE("State.Hostile"), SLICE("V1")));
    assert_null(plugin_component(p, SLICE("state.hostile"), SLICE("v2")));
    assert_null(plugin_component(p, SLICE("state.other"), SLICE("v1")));
    plugin_unref(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_lead_elsewhere_are_no_names),
        cmocka_unit_test(a_missing_file_names_the_folder),
        cmocka_unit_test(a_file_that_others_may_write_is_refused),
        cmocka_unit_test(a_folder_that_others_may_write_is_refused),
        cmocka_unit_test(a_link_may_lead_to_a_plain_name_beside_it_only),
        cmocka_unit_test(what_is_no_plugin_is_refused_with_its_path),
        cmocka_unit_test(the_newest_copy_is_shared_and_a_new_one_is_another),
        cmocka_unit_test(a_copy_that_was_rejected_is_the_newest_no_more),
        cmocka_unit_test(once_a_copy_has_taken_over_nobody_starts_from_another),
        cmocka_unit_test(there_may_be_any_number_of_folders),
        cmocka_unit_test(a_component_is_found_by_type_and_version_without_regard_to_case),
    };
    return cmocka_run_group_tests(tests, prepare, clean_up);
}

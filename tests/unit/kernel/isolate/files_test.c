/* Which files an isolated component may open: what its options name, and no more than that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#undef fail

#include <base/slice.h>
#include <base/text.h>
#include <isolate/files.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <trilby/options.h>
#include <unistd.h>

struct store {
    const char *file, *reads, *account;
};

static const struct trb_option options[] = {
    TRB_STRING(struct store, file, "file", .aliases = "url"),
    TRB_STRING(struct store, reads, "reads"),
    TRB_STRING(struct store, account, "account", .fallback = "keys"),
};
static const struct trb_component component = {.size = sizeof component, TRB_SELF(struct store, options), .writes = "file"};

static char root[64], here[1024];
static struct arena *arena;

/* A folder with data/x.db, keys/ca.pem and secrets.json, in which the test stands. */
static int set_up(void **state)
{
    snprintf(root, sizeof root, "/tmp/trilby-named-XXXXXX");
    assert_non_null(getcwd(here, sizeof here));
    assert_non_null(mkdtemp(root));
    assert_int_equal(chdir(root), 0);
    assert_int_equal(mkdir("data", 0700) | mkdir("keys", 0700), 0);
    const char *const files[] = {"data/x.db", "keys/ca.pem", "secrets.json"};
    for (size_t i = 0; i < 3; i++)
        fclose(fopen(files[i], "w"));
    arena = arena_create(1u << 20);
    return 0;
}

static int tear_down(void **state)
{
    unlink("data/x.db");
    unlink("keys/ca.pem");
    unlink("secrets.json");
    rmdir("data");
    rmdir("keys");
    arena_destroy(arena);
    return chdir(here) | rmdir(root);
}

/* "data:w keys:r" */
static const char *named(const char *name, const char *value, const char *more)
{
    struct trb_pair pair = arena_pair(arena, slice_of(name), slice_of(value));
    struct trb_pairs pairs = {&pair, name ? 1 : 0, sizeof pair};
    struct trb_pairs found = files_named(arena, &component, &pairs, slice_of(more));
    struct trb_name said = NAME("");
    for (uint32_t i = 0; i < found.count; i++)
        said = arena_printf(arena, "%s%s%s:%s", said.at, i ? " " : "", found.at[i].key.at, found.at[i].value.at);
    return said.at;
}

static const char *in_root(const char *format)
{
    return arena_printf(arena, format, root, root).at;
}

static void a_file_that_is_written_brings_its_folder(void **state)
{
    assert_string_equal(named("file", "data/x.db", NULL), "data:w keys:r");
    assert_string_equal(named("URL", "file:data/x.db?mode=rw", NULL), "data:w keys:r");
    assert_string_equal(named("file", in_root("file://%s/data/x.db"), NULL), in_root("%s/data:w keys:r"));
    assert_string_equal(named("file", "new.db", NULL), ".:w keys:r");
}

static void what_is_not_there_yet_is_made_in_the_nearest_folder_that_is(void **state)
{
    assert_string_equal(named("file", "data/of/orders/", NULL), "data:w keys:r");
    assert_string_equal(named("file", "data", NULL), "data:w keys:r");
}

static void a_folder_that_would_be_made_in_the_root_of_everything_is_not_named(void **state)
{
    assert_string_equal(named("file", "/there-is-none/of/this", NULL), "keys:r");
    assert_string_equal(named("file", ":memory:", NULL), "keys:r");
    assert_string_equal(named("file", "", NULL), "keys:r");
}

static void another_option_is_read_wherever_it_names_what_is_there(void **state)
{
    assert_string_equal(named("reads", "data/x.db", NULL), "data/x.db:r data:r keys:r");
    assert_string_equal(named("reads", "host=db sslrootcert=keys/ca.pem", NULL), "keys/ca.pem:r keys:r");
    assert_string_equal(named("reads", in_root("tls(%s/keys/ca.pem)"), NULL), in_root("%s/keys/ca.pem:r %s/keys:r keys:r"));
    assert_string_equal(named("unknown", "data", NULL), "data:r keys:r");
}

static void a_lone_file_of_the_present_folder_brings_no_others(void **state)
{
    assert_string_equal(named("reads", "secrets.json", NULL), "secrets.json:r keys:r");
}

static void what_is_no_path_names_nothing(void **state)
{
    static const char *const values[] = {"/", "true", "redis:6379", "https://host/data/x", "", " ", "/none/there", "data:x"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        assert_string_equal(named("reads", values[i], NULL), "keys:r");
}

static void a_default_counts_as_if_it_were_said(void **state)
{
    assert_string_equal(named(NULL, NULL, NULL), "keys:r");
}

static void further_paths_may_be_written(void **state)
{
    assert_string_equal(named(NULL, NULL, "data, keys"), "data:w keys:w keys:r");
}

static void the_list_has_an_end(void **state)
{
    struct text many = {0};
    for (size_t words = 0; words < 80; words++) {
        text_addc(&many, ' ');
        for (size_t i = 0; i < words; i++)
            text_adds(&many, "./");
        text_adds(&many, "data");
    }
    struct trb_pair pair = arena_pair(arena, SLICE("reads"), text_slice(&many));
    struct trb_pairs pairs = {&pair, 1, sizeof pair};
    assert_true(files_named(arena, &component, &pairs, (struct trb_slice){0}).count <= 64);
    text_fini(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_is_written_brings_its_folder),
        cmocka_unit_test(what_is_not_there_yet_is_made_in_the_nearest_folder_that_is),
        cmocka_unit_test(a_folder_that_would_be_made_in_the_root_of_everything_is_not_named),
        cmocka_unit_test(another_option_is_read_wherever_it_names_what_is_there),
        cmocka_unit_test(a_lone_file_of_the_present_folder_brings_no_others),
        cmocka_unit_test(what_is_no_path_names_nothing),
        cmocka_unit_test(a_default_counts_as_if_it_were_said),
        cmocka_unit_test(further_paths_may_be_written),
        cmocka_unit_test(the_list_has_an_end),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

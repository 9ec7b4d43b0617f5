/* resource_load_test: folders: which files are read, in which order, and that our own samples are good. */
#include <kernel/config/resource_load.c>
#include <tests/unit/kernel/config/resource_fixture.h>
#include <config/configuration.h>
#include <dirent.h>
#include <stdlib.h>

struct folders {
    struct fixture f;
    char one[64], two[64];
};

static void put(const char *folder, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    fclose(file);
}

static void folders_begin(struct folders *f)
{
    fixture_begin(&f->f);
    strcpy(f->one, "/tmp/resource_load_XXXXXX");
    strcpy(f->two, "/tmp/resource_load_XXXXXX");
    assert_non_null(mkdtemp(f->one));
    assert_non_null(mkdtemp(f->two));
}

static void empty_folder(const char *path)
{
    struct dirent *e;
    DIR *dir = opendir(path);
    while ((e = readdir(dir)))
        if (is_entry(e))
            unlinkat(dirfd(dir), e->d_name, e->d_type == DT_DIR ? AT_REMOVEDIR : 0);
    closedir(dir);
    rmdir(path);
}

static void folders_end(struct folders *f)
{
    empty_folder(f->one);
    empty_folder(f->two);
    fixture_end(&f->f);
}

static trb_code load(struct folders *f, struct trb_error *err)
{
    const struct trb_name both[] = {name_of(f->one), name_of(f->two)};
    return resource_set_load(both, 2, &f->f.query, &f->f.set, err);
}

static void names_are(const struct resource_set *set, const char *wanted)
{
    struct text t = {0};
    for (uint32_t i = 0; i < set->of[RESOURCE_COMPONENT].count; i++)
        text_addf(&t, "%s ", set->of[RESOURCE_COMPONENT].at[i]->name.at);
    assert_string_equal(t.at, wanted);
    text_fini(&t);
}

static void files_come_in_the_order_of_folders_and_names(void **state)
{
    struct folders f;
    folders_begin(&f);
    put(f.one, "2.yaml", STATE("two"));
    put(f.one, "10.YML", STATE("ten") "---\n" STATE("eleven"));
    put(f.one, "Z.yaml", STATE("z"));
    put(f.one, "a.yaml", STATE("a"));
    put(f.two, "0.yaml", STATE("zero"));
    assert_int_equal(load(&f, NULL), TRB_OK);
    names_are(f.f.set, "ten eleven two z a zero ");
    assert_string_equal(f.f.warnings.at, "");
    folders_end(&f);
}

static void two_folders_share_names(void **state)
{
    struct folders f;
    folders_begin(&f);
    put(f.one, "a.yaml", STATE("a"));
    put(f.two, "a.yaml", STATE("a"));
    assert_int_equal(load(&f, NULL), TRB_OK);
    assert_string_equal(f.f.set->duplicates[RESOURCE_COMPONENT].at, "duplicate definition of Component name a "
                        "(state.in-memory/v1) with existing a (state.in-memory/v1)");
    folders_end(&f);
}

static void the_file_and_line_of_a_fault_are_told(void **state)
{
    struct folders f;
    char said[320];
    folders_begin(&f);
    put(f.one, "a.yaml", STATE("a") "---\n" COMPONENT("b") "spec: text\n---\n" STATE("c"));
    assert_int_equal(load(&f, NULL), TRB_OK);
    names_are(f.f.set, "a c ");
    snprintf(said, sizeof said, "daprd load Component error when parsing manifests yaml resource in %s/a.yaml: "
             "error unmarshaling JSON: %s/a.yaml:13: spec must be a mapping, not \"text\"\n", f.one, f.one);
    assert_string_equal(f.f.warnings.at, said);
    folders_end(&f);
}

static void other_files_are_told_of_by_each_reader_and_folders_are_not(void **state)
{
    struct folders f;
    char folder[128];
    folders_begin(&f);
    put(f.one, "secrets.json", "{}");
    snprintf(folder, sizeof folder, "%s/sub.yaml", f.one);
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(folder, sizeof folder, "%s/..data", f.one);
    assert_int_equal(symlink(".", folder), 0);
    assert_int_equal(load(&f, NULL), TRB_OK);
    assert_string_equal(f.f.warnings.at,
                        "A non-YAML resiliency file secrets.json was detected, it will not be loaded\n"
                        "A non-YAML Component file secrets.json was detected, it will not be loaded\n"
                        "A non-YAML HTTPEndpoint file secrets.json was detected, it will not be loaded\n"
                        "A non-YAML Subscription file secrets.json was detected, it will not be loaded\n"
                        "A non-YAML WorkflowAccessPolicy file secrets.json was detected, it will not be loaded\n"
                        "A non-YAML MCPServer file secrets.json was detected, it will not be loaded\n");
    folders_end(&f);
}

static void what_is_no_plain_file_holds_nothing_up(void **state)
{
    struct folders f;
    char path[128];
    folders_begin(&f);
    snprintf(path, sizeof path, "%s/pipe.yaml", f.one);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(path, sizeof path, "%s/gone.yaml", f.one);
    assert_int_equal(symlink("nowhere", path), 0);
    snprintf(path, sizeof path, "%s/real", f.two);
    put(f.two, "real", STATE("linked"));
    snprintf(path, sizeof path, "%s/link.yaml", f.one);
    char target[128];
    snprintf(target, sizeof target, "%s/real", f.two);
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(load(&f, NULL), TRB_OK);
    names_are(f.f.set, "linked ");
    fixture_warned(&f.f, "pipe.yaml: it is not a plain file\n");
    assert_null(strstr(f.f.warnings.at, "gone.yaml"));
    folders_end(&f);
}

static void files_of_which_something_is_missing_are_known(void **state)
{
    struct folders f;
    char path[256];
    folders_begin(&f);
    put(f.one, "good.yaml", STATE("a"));
    put(f.one, "empty.yaml", " \n");
    put(f.one, "faulty.yaml", STATE("b") "---\nmetadata: [\n");
    assert_int_equal(load(&f, NULL), TRB_OK);
    names_are(f.f.set, "b a ");
    assert_int_equal(f.f.set->incomplete_count, 2);
    snprintf(path, sizeof path, "%s/empty.yaml", f.one);
    assert_true(resource_set_is_incomplete(f.f.set, path));
    snprintf(path, sizeof path, "%s/good.yaml", f.one);
    assert_false(resource_set_is_incomplete(f.f.set, path));
    assert_true(resource_set_is_incomplete(f.f.set, resource_set_find(f.f.set, RESOURCE_COMPONENT, SLICE("b"))->place.file));
    folders_end(&f);
}

static void a_folder_that_is_not_there_is_an_error(void **state)
{
    struct fixture f;
    struct trb_error err = ERROR_INIT;
    const struct trb_name folder = NAME("/tmp/resource_load_nowhere");
    fixture_begin(&f);
    assert_int_equal(resource_set_load(&folder, 1, &f.query, &f.set, &err), TRB_NOT_FOUND);
    assert_string_equal(err.message, "open /tmp/resource_load_nowhere: no such file or directory");
    assert_null(f.set);
    fixture_end(&f);
}

static void a_slash_at_the_end_is_not_doubled(void **state)
{
    struct folders f;
    char slashed[80];
    folders_begin(&f);
    put(f.one, "a.yaml", STATE("a"));
    snprintf(slashed, sizeof slashed, "%s//", f.one);
    const struct trb_name folder = name_of(slashed);
    assert_int_equal(resource_set_load(&folder, 1, &f.f.query, &f.f.set, NULL), TRB_OK);
    snprintf(slashed, sizeof slashed, "%s/a.yaml", f.one);
    assert_string_equal(f.f.set->of[RESOURCE_COMPONENT].at[0]->place.file, slashed);
    folders_end(&f);
}

static void no_folder_is_an_empty_set(void **state)
{
    struct fixture f;
    fixture_begin(&f);
    assert_int_equal(resource_set_load(NULL, 0, &f.query, &f.set, NULL), TRB_OK);
    for (uint32_t kind = 0; kind < RESOURCE_KINDS; kind++)
        assert_int_equal(f.set->of[kind].count, 0);
    fixture_end(&f);
}

static void our_samples_load_without_a_word(void **state)
{
    static const struct trb_name folders[] = {NAME("config/components"), NAME("config/subscriptions"),
                                              NAME("config/configuration"), NAME("config/resiliency")};
    struct fixture f;
    fixture_begin(&f);
    f.query.app_id = SLICE("billing");
    assert_int_equal(resource_set_load(folders, 4, &f.query, &f.set, NULL), TRB_OK);
    assert_string_equal(f.warnings.at, "");
    assert_true(f.set->of[RESOURCE_COMPONENT].count >= 8);
    assert_int_equal(f.set->of[RESOURCE_SUBSCRIPTION].count, 2);
    assert_int_equal(f.set->of[RESOURCE_CONFIGURATION].count, 4);
    assert_int_equal(f.set->of[RESOURCE_RESILIENCY].count, 1);
    for (uint32_t kind = 0; kind < RESOURCE_KINDS; kind++)
        assert_null(f.set->duplicates[kind].at);
    assert_non_null(resource_set_find(f.set, RESOURCE_COMPONENT, SLICE("statestore")));
    assert_non_null(resource_set_find(f.set, RESOURCE_COMPONENT, SLICE("pubsub")));
    assert_non_null(resource_set_find(f.set, RESOURCE_COMPONENT, SLICE("secretstore")));
    fixture_end(&f);
}

static void the_resources_of_the_quickstart_load_without_a_word(void **state)
{
    static const struct trb_name folder = NAME("config/quickstart/redis");
    struct fixture f;
    fixture_begin(&f);
    f.query.app_id = SLICE("orders");
    assert_int_equal(resource_set_load(&folder, 1, &f.query, &f.set, NULL), TRB_OK);
    assert_string_equal(f.warnings.at, "");
    names_are(f.set, "secretstore pubsub statestore ");
    assert_int_equal(f.set->of[RESOURCE_SUBSCRIPTION].count, 1);
    fixture_end(&f);
}

static void our_sample_configurations_are_configurations(void **state)
{
    struct dirent **entries;
    struct environment environment = {0};
    int count = scandir("config/configuration", &entries, is_entry, by_bytes);
    assert_true(count > 0);
    for (int i = 0; i < count; i++) {
        char path[512];
        struct configuration *c = NULL;
        struct trb_error err = ERROR_INIT;
        snprintf(path, sizeof path, "config/configuration/%s", entries[i]->d_name);
        const struct trb_name file = name_of(path);
        if (configuration_load(&file, 1, &environment, &c, &err) != TRB_OK)
            fail_msg("%s: %s", path, err.message);
        configuration_destroy(c);
        free(entries[i]);
    }
    free(entries);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_come_in_the_order_of_folders_and_names),
        cmocka_unit_test(two_folders_share_names),
        cmocka_unit_test(the_file_and_line_of_a_fault_are_told),
        cmocka_unit_test(other_files_are_told_of_by_each_reader_and_folders_are_not),
        cmocka_unit_test(what_is_no_plain_file_holds_nothing_up),
        cmocka_unit_test(files_of_which_something_is_missing_are_known),
        cmocka_unit_test(a_folder_that_is_not_there_is_an_error),
        cmocka_unit_test(a_slash_at_the_end_is_not_doubled),
        cmocka_unit_test(no_folder_is_an_empty_set),
        cmocka_unit_test(our_samples_load_without_a_word),
        cmocka_unit_test(the_resources_of_the_quickstart_load_without_a_word),
        cmocka_unit_test(our_sample_configurations_are_configurations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

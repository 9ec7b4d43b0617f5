/* changes_test: bursts in folders, and what is different between two sets. */
#include <kernel/config/changes.c>
#include <kernel/config/changes_between.c>
#include <tests/unit/kernel/config/resource_fixture.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>

struct watched {
    char folder[64], told[512];
    struct changes *changes;
};

static void begin(struct watched *w)
{
    *w = (struct watched){.folder = "/tmp/changes_XXXXXX"};
    assert_non_null(mkdtemp(w->folder));
}

static void watch(struct watched *w)
{
    const struct trb_name folder = name_of(w->folder);
    w->told[0] = 0;
    assert_int_equal(changes_watch(&folder, 1, &w->changes, NULL), TRB_OK);
}

static const char *path(const struct watched *w, const char *name)
{
    static char text[128];
    snprintf(text, sizeof text, "%s/%s", w->folder, name);
    return text;
}

static void put(const struct watched *w, const char *name)
{
    int fd = open(path(w, name), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
}

static void tell_file(void *arg, const char *file)
{
    struct watched *w = arg;
    snprintf(w->told + strlen(w->told), sizeof w->told - strlen(w->told), "%s ", file + strlen(w->folder));
}

/* Waits for the ends of bursts, as a loop would, until one of them has told of the file. */
static void wait_for(struct watched *w, const char *file)
{
    bool is_lost = false;
    struct pollfd p = {changes_fd(w->changes), POLLIN, 0};
    while (!strstr(w->told, file)) {
        assert_int_equal(poll(&p, 1, 10000), 1);
        changes_read(w->changes, tell_file, w, &is_lost);
        assert_false(is_lost);
    }
}

static void end(struct watched *w)
{
    assert_null(changes_destroy(w->changes));
    rmdir(w->folder);
}

static void nothing_happens_while_nothing_happens(void **state)
{
    struct watched w;
    bool is_lost;
    begin(&w);
    watch(&w);
    struct pollfd p = {changes_fd(w.changes), POLLIN, 0};
    assert_int_equal(poll(&p, 1, 0), 0);
    assert_false(changes_read(w.changes, tell_file, &w, &is_lost));
    end(&w);
}

static void a_burst_tells_of_each_file_once(void **state)
{
    struct watched w;
    bool is_lost;
    begin(&w);
    watch(&w);
    put(&w, "a.yaml");
    put(&w, "a.yaml");
    put(&w, "b.txt");
    assert_false(changes_read(w.changes, tell_file, &w, &is_lost));   /* its end is not yet here */
    assert_string_equal(w.told, "");
    wait_for(&w, "/b.txt ");
    assert_string_equal(w.told, "/a.yaml /b.txt ");
    unlink(path(&w, "a.yaml"));
    unlink(path(&w, "b.txt"));
    end(&w);
}

static void what_goes_and_moves_and_changes_its_mode_counts(void **state)
{
    struct watched w;
    char from[128];
    begin(&w);
    put(&w, "a"), put(&w, "c"), put(&w, "d");
    watch(&w);
    strcpy(from, path(&w, "a"));
    assert_int_equal(rename(from, path(&w, "b")), 0);
    wait_for(&w, "/a ");
    wait_for(&w, "/b ");
    unlink(path(&w, "c"));
    wait_for(&w, "/c ");
    assert_int_equal(chmod(path(&w, "d"), 0400), 0);
    wait_for(&w, "/d ");
    unlink(path(&w, "b"));
    unlink(path(&w, "d"));
    end(&w);
}

static void a_path_that_leads_elsewhere_by_now_is_noticed(void **state)
{
    struct watched one, two;
    char link[] = "/tmp/changes_link_XXXXXX";
    struct changes *c = NULL;
    begin(&one), begin(&two);
    assert_non_null(mkdtemp(link));
    assert_int_equal(rmdir(link), 0);
    assert_int_equal(symlink(one.folder, link), 0);
    const struct trb_name folder = name_of(link);
    assert_int_equal(changes_watch(&folder, 1, &c, NULL), TRB_OK);
    assert_false(changes_have_moved(c));
    unlink(link);
    assert_true(changes_have_moved(c));
    assert_int_equal(symlink(two.folder, link), 0);
    assert_true(changes_have_moved(c));
    changes_destroy(c);
    unlink(link);
    rmdir(one.folder), rmdir(two.folder);
}

static void reading_is_no_change(void **state)
{
    struct watched w;
    char byte;
    begin(&w);
    put(&w, "a");
    watch(&w);
    int fd = open(path(&w, "a"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, &byte, 1), 1);
    close(fd);
    put(&w, "b");
    wait_for(&w, "/b ");
    assert_null(strstr(w.told, "/a "));
    unlink(path(&w, "a"));
    unlink(path(&w, "b"));
    end(&w);
}

static void a_file_that_never_rests_does_not_hide_the_others(void **state)
{
    struct watched w;
    bool is_lost, is_over = false;
    begin(&w);
    watch(&w);
    struct pollfd p = {changes_fd(w.changes), POLLIN, 0};
    while (!is_over) {
        put(&w, "restless");
        assert_int_equal(poll(&p, 1, 10000), 1);
        is_over = changes_read(w.changes, tell_file, &w, &is_lost);
    }
    assert_string_equal(w.told, "/restless ");
    unlink(path(&w, "restless"));
    end(&w);
}

static void a_folder_that_goes_is_lost(void **state)
{
    struct watched w;
    bool is_lost = false;
    begin(&w);
    watch(&w);
    rmdir(w.folder);
    struct pollfd p = {changes_fd(w.changes), POLLIN, 0};
    assert_int_equal(poll(&p, 1, 10000), 1);
    changes_read(w.changes, NULL, NULL, &is_lost);
    assert_true(is_lost);
    changes_destroy(w.changes);
}

static void a_folder_that_is_not_there_cannot_be_watched(void **state)
{
    struct changes *c = NULL;
    struct trb_error err = ERROR_INIT;
    const struct trb_name folder = NAME("/tmp/changes_nowhere");
    assert_int_equal(changes_watch(&folder, 1, &c, &err), TRB_NOT_FOUND);
    assert_string_equal(err.message, "failed to create watcher: failed to add target /tmp/changes_nowhere: no such file or directory");
    assert_null(c);
    assert_null(changes_destroy(NULL));
}

/* ------------------------------------------------------------------------------------ differences */
static void changes_are(const char *old, const char *new_, const char *wanted)
{
    struct fixture f, g;
    struct text t = {0};
    fixture_begin(&f), fixture_begin(&g);
    if (old)
        fixture_parse(&f, old);
    if (new_)
        fixture_parse(&g, new_);
    struct change_list list = changes_between(f.set, g.set, RESOURCE_COMPONENT);
    text_add(&t, SLICE(""));
    for (uint32_t i = 0; i < list.count; i++) {
        const struct change *c = &list.at[i];
        assert_int_equal(c->old != NULL, c->what != CHANGE_ADDED);
        assert_int_equal(c->new_ != NULL, c->what != CHANGE_REMOVED);
        text_addf(&t, "%c%s ", "-~+"[c->what], (c->new_ ? c->new_ : c->old)->name.at);
    }
    assert_string_equal(t.at, wanted);
    text_fini(&t);
    change_list_fini(&list);
    fixture_end(&f), fixture_end(&g);
}

static void removals_come_first_then_updates_then_additions(void **state)
{
    changes_are(STATE("gone") "---\n" STATE("same") "---\n" STATE("new type") "---\n" STATE("gone2"),
                STATE("added") "---\n" COMPONENT("new type") "spec: {type: secretstores.x}\n---\n" STATE("same"),
                "-gone -gone2 ~new type +added ");
    changes_are(STATE("a"), STATE("a"), "");
    changes_are(NULL, STATE("a"), "+a ");
    changes_are(STATE("a"), NULL, "-a ");
    changes_are(STATE("a"), STATE("a") "  metadata: []\n", "~a ");
}

static void scopes_come_and_go_as_the_resource_does(void **state)
{
    changes_are(STATE("a"), STATE("a") "scopes: [other]\n", "-a ");
    changes_are(STATE("a"), STATE("a") "scopes: [shop]\n", "~a ");
}

static void the_same_name_twice_is_compared_one_by_one(void **state)
{
    struct fixture f, g;
    fixture_begin(&f), fixture_begin(&g);
    fixture_parse(&f, "kind: Resiliency\nmetadata: {name: r}\nspec: {}\n---\nkind: Resiliency\nmetadata: {name: r}\n");
    fixture_parse(&g, "kind: Resiliency\nmetadata: {name: r}\nspec: {a: b}\n---\nkind: Resiliency\nmetadata: {name: r}\n");
    struct change_list list = changes_between(f.set, g.set, RESOURCE_RESILIENCY);
    assert_int_equal(list.count, 1);
    assert_ptr_equal(list.at[0].old, f.set->of[RESOURCE_RESILIENCY].at[0]);
    change_list_fini(&list);
    fixture_end(&f), fixture_end(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_happens_while_nothing_happens),
        cmocka_unit_test(a_burst_tells_of_each_file_once),
        cmocka_unit_test(what_goes_and_moves_and_changes_its_mode_counts),
        cmocka_unit_test(a_path_that_leads_elsewhere_by_now_is_noticed),
        cmocka_unit_test(reading_is_no_change),
        cmocka_unit_test(a_file_that_never_rests_does_not_hide_the_others),
        cmocka_unit_test(a_folder_that_goes_is_lost),
        cmocka_unit_test(a_folder_that_is_not_there_cannot_be_watched),
        cmocka_unit_test(removals_come_first_then_updates_then_additions),
        cmocka_unit_test(scopes_come_and_go_as_the_resource_does),
        cmocka_unit_test(the_same_name_twice_is_compared_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* reload_compare: what the folders want against what is loaded, given by hand, failed or broken. */
#include <tests/unit/kernel/config/resource_fixture.h>
#undef fail

#include "kernel/runtime/reload_compare.c"

#define OTHER(name) COMPONENT(name) "spec:\n  type: state.other\n"

struct scene {
    struct runtime rt;
    struct flags flags;
    struct fixture loaded, fresh;
    struct entry entries[4];
    uint32_t entry_count;
    struct text told;
};

static void begin(struct scene *s, const char *loaded, const char *fresh)
{
    memset(s, 0, sizeof *s);
    fixture_begin(&s->loaded), fixture_begin(&s->fresh);
    fixture_parse(&s->loaded, loaded);
    fixture_parse(&s->fresh, fresh);
    s->rt.setup.flags = &s->flags;
    s->rt.resources.set = s->loaded.set;
    components_init(&s->rt.components);
}

/* What a component of this document has become. */
static struct entry *add_entry(struct scene *s, struct resource *r, uint32_t state)
{
    struct entry *e = &s->entries[s->entry_count++];
    e->rt = &s->rt;
    e->component = component_of(r);
    e->state = state;
    list_append(&s->rt.components.entries, &e->link);
    return e;
}

static struct entry *enter(struct scene *s, const char *name, uint32_t state)
{
    return add_entry(s, resource_set_find(s->loaded.set, RESOURCE_COMPONENT, slice_of(name)), state);
}

static void changes_are(struct scene *s, const char *wanted)
{
    reload_compare(&s->rt, s->fresh.set, RELOAD_EVENT);
    text_add(&s->told, SLICE(""));
    for (uint32_t i = 0; i < s->rt.reload.list.count; i++) {
        const struct change *c = &s->rt.reload.list.at[i];
        text_addf(&s->told, "%c%s ", "-~+"[c->what], (c->new_ ? c->new_ : c->old)->name.at);
    }
    assert_string_equal(s->told.at, wanted);
}

static void end(struct scene *s)
{
    reload_fini(&s->rt);
    text_fini(&s->told);
    fixture_end(&s->loaded), fixture_end(&s->fresh);
}

static void components_are_compared_with_what_runs(void **state)
{
    struct scene s;
    begin(&s, STATE("gone") "---\n" STATE("same") "---\n" STATE("changed"),
          STATE("same") "---\n" OTHER("changed") "---\n" STATE("added"));
    enter(&s, "gone", ENTRY_LIVE), enter(&s, "same", ENTRY_LIVE), enter(&s, "changed", ENTRY_PARKED);
    changes_are(&s, "-gone ~changed +added ");
    end(&s);
}

static void every_kind_is_removed_before_anything_is_added(void **state)
{
    struct scene s;
    begin(&s, STATE("a") "---\napiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata: {name: e}\nspec: {baseUrl: http://x}\n",
          STATE("b") "---\napiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata: {name: f}\nspec: {baseUrl: http://x}\n");
    enter(&s, "a", ENTRY_LIVE);
    changes_are(&s, "-a -e +b +f ");
    end(&s);
}

static void a_failed_one_is_tried_again(void **state)
{
    struct scene s;
    begin(&s, STATE("a"), STATE("a"));
    enter(&s, "a", ENTRY_FAILED);
    changes_are(&s, "+a ");
    end(&s);
}

static void one_that_was_taken_away_by_hand_stays_away_until_its_document_changes(void **state)
{
    struct scene s;
    begin(&s, STATE("a"), STATE("a"));
    changes_are(&s, "");
    end(&s);
    begin(&s, STATE("a"), OTHER("a"));
    changes_are(&s, "+a ");
    end(&s);
}

static void one_that_is_owed_is_tried_again_although_its_document_has_not_changed(void **state)
{
    struct scene s;
    begin(&s, STATE("a"), STATE("a"));
    map_set(&s.rt.reload.owed, SLICE("a"), &s);
    changes_are(&s, "+a ");
    end(&s);
}

static void one_that_was_given_by_hand_stays(void **state)
{
    struct scene s;
    struct fixture given;
    fixture_begin(&given);
    fixture_parse(&given, OTHER("given") "---\n" OTHER("a"));
    begin(&s, STATE("a"), STATE("a"));
    for (uint32_t i = 0; i < 2; i++)
        add_entry(&s, given.set->of[RESOURCE_COMPONENT].at[i], ENTRY_LIVE)->is_given = true;
    changes_are(&s, "");
    end(&s);
    begin(&s, STATE("a"), "");
    for (uint32_t i = 0; i < 2; i++)
        add_entry(&s, given.set->of[RESOURCE_COMPONENT].at[i], ENTRY_LIVE)->is_given = true;
    changes_are(&s, "-a ");                            /* its file is gone: that is a word about it */
    end(&s);
    fixture_end(&given);
}

static void a_broken_file_takes_nothing_away_when_that_is_safe(void **state)
{
    struct scene s;
    for (int is_safe = 0; is_safe < 2; is_safe++) {
        begin(&s, STATE("a"), "metadata: [\n");
        s.flags.reload_safe = is_safe;
        enter(&s, "a", ENTRY_LIVE);
        changes_are(&s, is_safe ? "" : "-a ");
        end(&s);
    }
}

static void an_mcp_server_with_secrets_is_looked_at_each_time(void **state)
{
    static const char server[] = "apiVersion: dapr.io/v1alpha1\nkind: MCPServer\nmetadata: {name: m}\nspec:\n  endpoint:\n"
                                 "    streamableHTTP:\n      url: http://x\n      headers:\n      - name: key\n"
                                 "        secretKeyRef: {name: k, key: k}\n";
    struct scene s;
    begin(&s, server, server);
    changes_are(&s, "~m ");
    end(&s);
}

static void the_minute_leaves_alone_what_would_build_the_runtime_anew(void **state)
{
    struct scene s;
    begin(&s, STATE("a"), STATE("a") "---\nkind: Resiliency\nmetadata: {name: r}\nspec: {}\n");
    enter(&s, "a", ENTRY_LIVE);
    reload_compare(&s.rt, s.fresh.set, RELOAD_RECONCILE);
    assert_int_equal(s.rt.reload.list.count, 0);
    s.flags.reload_safe = true;
    changes_are(&s, "+r ");
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(components_are_compared_with_what_runs),
        cmocka_unit_test(every_kind_is_removed_before_anything_is_added),
        cmocka_unit_test(a_failed_one_is_tried_again),
        cmocka_unit_test(one_that_was_taken_away_by_hand_stays_away_until_its_document_changes),
        cmocka_unit_test(one_that_is_owed_is_tried_again_although_its_document_has_not_changed),
        cmocka_unit_test(one_that_was_given_by_hand_stays),
        cmocka_unit_test(a_broken_file_takes_nothing_away_when_that_is_safe),
        cmocka_unit_test(an_mcp_server_with_secrets_is_looked_at_each_time),
        cmocka_unit_test(the_minute_leaves_alone_what_would_build_the_runtime_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

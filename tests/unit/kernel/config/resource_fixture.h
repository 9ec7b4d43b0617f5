/* resource_fixture: a text to a set, with every warning of the way kept as one line. */
#ifndef TESTS_RESOURCE_FIXTURE_H
#define TESTS_RESOURCE_FIXTURE_H

#include <base/error.h>
#include <base/slice.h>
#include <config/resource.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdarg.h>
#include <cmocka.h>

struct fixture {
    struct resource_query query;
    struct text warnings;                      /* each with a newline behind it */
    struct resource_set *set;
};

static inline void keep_warning(void *arg, const char *sentence)
{
    struct fixture *f = arg;
    text_adds(&f->warnings, sentence);
    text_addc(&f->warnings, '\n');
}

static inline void fixture_begin(struct fixture *f)
{
    *f = (struct fixture){.query = {.app_id = SLICE("shop"), .warn = keep_warning, .arg = f}};
    text_add(&f->warnings, SLICE(""));
}

static inline void fixture_parse(struct fixture *f, const char *text)
{
    assert_int_equal(resource_set_parse("f.yaml", slice_of(text), &f->query, &f->set, NULL), TRB_OK);
}

static inline void fixture_end(struct fixture *f)
{
    f->set = resource_set_destroy(f->set);
    text_fini(&f->warnings);
}

static inline struct resource *fixture_only(struct fixture *f, uint32_t kind)
{
    assert_int_equal(f->set->of[kind].count, 1);
    return f->set->of[kind].at[0];
}

static inline void fixture_warned(struct fixture *f, const char *part)
{
    if (!strstr(f->warnings.at, part))
        fail_msg("no '%s' in: %s", part, f->warnings.at);
}

#define COMPONENT(name) "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: " name "\n"
#define STATE(name) COMPONENT(name) "spec:\n  type: state.in-memory\n  version: v1\n"

#endif

/* nameresolution: our own announcement, a given app, an unknown one. */
#include "../judge.h"
#include <base/error.h>
#include <trilby/nameresolution.h>

static void expect_address(struct test *t, const char *app, const char *want)
{
    struct trb_name_resolve q = {.size = sizeof q, .app_id = name_of(app), .namespace_ = name_of(""), .port = 50002};
    struct asked *a = ask(t, "resolve", &q);
    REQUIRE(t, a, "resolve was not answered");
    const struct trb_name_address *found = ask_answer(a);
    EXPECT(t, found, "%s is not found: %s", app, ask_why(a));
    struct trb_slice address = found ? slice_name(found->address) : slice_of("");
    EXPECT(t, !found || slice_contains(address, SLICE(":")), "'%.*s' is not host:port", SLICE_ARG(address));
    EXPECT(t, !found || !want || slice_is(address, slice_of(want)), "%s is at %.*s, and not at %s", app,
           SLICE_ARG(address), want);
    ask_end(a);
}

static void finds_itself(struct test *t)
{
    struct trb_name_announce q = {.size = sizeof q, .app_id = name_of("conform-self"), .namespace_ = name_of(""),
                                  .address = name_of("127.0.0.1"), .port = 50002, .http_port = 3500};
    struct trb_error err = ERROR_INIT;
    REQUIRE(t, ask_well(t, "announce", &q, &err), "announce fails: %s", err.message);
    expect_address(t, "conform-self", NULL);
}

static void finds_the_given(struct test *t)
{
    if (t->subject->resolve_app)
        expect_address(t, t->subject->resolve_app, t->subject->resolve_address);
    else
        test_skip(t, "no --resolve APP was given");
}

static void unknown(struct test *t)
{
    struct trb_name_resolve q = {.size = sizeof q, .app_id = name_of("conform-nobody"), .namespace_ = name_of(""),
                                 .port = 50002};
    struct asked *a = ask(t, "resolve", &q);
    REQUIRE(t, a, "resolve of an unknown app was not answered");
    if (ask_answer(a))
        test_skip(t, "it makes an address for any name");
    else
        EXPECT(t, *ask_why(a), "an unknown app fails without a sentence");
    ask_end(a);
}

const struct test_case suite_nameresolution[] = {
    {"nameresolution", "finds what it has announced", finds_itself, "nameresolution", "announce"},
    {"nameresolution", "finds the given app", finds_the_given, "nameresolution"},
    {"nameresolution", "says so when there is no such app", unknown, "nameresolution"},
    {0},
};

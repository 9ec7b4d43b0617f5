/* lock: one owner at a time, until he gives it back or his time is over. */
#include "../judge.h"
#include <trilby/lock.h>

#define NOT_ANSWERED 99u

static uint32_t taken(struct test *t, struct trb_name resource, const char *owner, int64_t seconds)
{
    struct trb_lock_try q = {.size = sizeof q, .resource = resource, .owner = name_of(owner), .expiry_s = seconds};
    struct asked *a = ask(t, "try_lock", &q);
    const struct trb_lock_taken *answer = a ? ask_answer(a) : NULL;
    EXPECT(t, answer, "try_lock fails: %s", a ? ask_why(a) : "no answer");
    uint32_t is_taken = answer ? answer->is_taken : NOT_ANSWERED;
    ask_end(a);
    return is_taken;
}

static uint32_t released(struct test *t, struct trb_name resource, const char *owner)
{
    struct trb_lock_release q = {.size = sizeof q, .resource = resource, .owner = name_of(owner)};
    struct asked *a = ask(t, "unlock", &q);
    const struct trb_lock_released *answer = a ? ask_answer(a) : NULL;
    EXPECT(t, answer, "unlock fails: %s", a ? ask_why(a) : "no answer");
    uint32_t status = answer ? answer->status : NOT_ANSWERED;
    ask_end(a);
    return status;
}

static void one_owner(struct test *t)
{
    struct trb_name key = test_key(t, "lock");
    EXPECT(t, taken(t, key, "me", 60) == 1, "a fresh lock is not taken");
    EXPECT(t, taken(t, key, "you", 60) == 0, "a lock has two owners");
    EXPECT(t, taken(t, key, "me", 60) == 0, "a lock is taken twice by its owner");
    EXPECT(t, released(t, key, "you") == TRB_LOCK_OF_OTHERS, "unlock by a stranger does not say that it is of others");
    EXPECT(t, taken(t, key, "you", 60) == 0, "a stranger's unlock freed the lock");
    EXPECT(t, released(t, key, "me") == TRB_LOCK_RELEASED, "its owner cannot give it back");
    EXPECT(t, released(t, key, "me") == TRB_LOCK_UNKNOWN, "unlock of a free lock does not say that it is unknown");
    EXPECT(t, taken(t, key, "you", 60) == 1, "a lock that was given back cannot be taken");
    released(t, key, "you");
}

static void strange_owners(struct test *t)
{
    struct trb_name key = test_key(t, "lock-strange");
    EXPECT(t, taken(t, key, "a 'b' \"c\"\r\n", 60) == 1, "an owner with odd characters cannot take a lock");
    EXPECT(t, released(t, key, "a 'b' \"c\"") == TRB_LOCK_OF_OTHERS, "two owners that begin alike are one");
    EXPECT(t, released(t, key, "a 'b' \"c\"\r\n") == TRB_LOCK_RELEASED, "an owner with odd characters cannot give it back");
}

static void expires(struct test *t)
{
    struct trb_name key = test_key(t, "lock-expires");
    uint64_t end = clock_now_ns() + 10ull * 1000000000ull;
    EXPECT(t, taken(t, key, "me", 1) == 1, "a fresh lock is not taken");
    uint32_t is_taken = 0;
    while (!is_taken && clock_now_ns() < end)
        is_taken = taken(t, key, "you", 60);
    EXPECT(t, is_taken == 1, "a lock of one second is not free after ten");
    EXPECT(t, released(t, key, "me") == TRB_LOCK_OF_OTHERS, "an owner whose time is over may still give the lock back");
    released(t, key, "you");
}

const struct test_case suite_lock[] = {
    {"lock", "one owner until it is given back", one_owner, "lock"},
    {"lock", "owners are compared byte for byte", strange_owners, "lock"},
    {"lock", "is free again when its time is over", expires, "lock"},
    {0},
};

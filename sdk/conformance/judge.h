/* judge: what a case is written with. A case is a straight story: start the component, ask, look at the
 * answer. It runs in a process of its own, on the main thread; the component lives on other threads. */
#ifndef CONFORMANCE_JUDGE_H
#define CONFORMANCE_JUDGE_H

#include "blocks.h"
#include "house.h"
#include "shim.h"
#include <base/clock.h>
#include <base/slice.h>
#include <base/text.h>
#include <plugin/call.h>

extern uint64_t patience_ns;                   /* an answer that takes longer is none */
#define PATIENCE_NS patience_ns

struct secret_fact {
    const char *name, *value;
};

struct subject {                               /* what is judged; made once, before any case */
    struct plugin *plugin, *shim;
    const struct trb_component *component;
    const struct block_facts *facts;
    const char *name;                          /* of the component in its YAML */
    struct trb_pairs properties;
    struct trb_slice document;
    uint64_t init_timeout_ns;
    struct secret_fact secrets[16];
    uint32_t secret_count;
    struct secret_fact keys[64];               /* crypto: algorithm, and a key for it */
    uint32_t key_count;
    const char *resolve_app, *resolve_address;
    const char *change;                        /* a command that writes an item: KEY and VALUE in its environment */
    bool is_ordered;                           /* promised by its author: messages keep their order */
    bool foreign_descriptors;                  /* said by its author: the client library's stay open on exec */
    uint32_t foreign_threads;                  /* said by its author: so many of the client library's stay for the process */
    bool plain_keys;                           /* said by its author: no key may hold a blank */
    bool keeps_nothing;                        /* said by its author: what a binding creates cannot be got again */
    bool cannot_roll_back;                     /* said by its author: a failed transaction may leave a part */
};

struct test {
    const struct subject *subject;
    struct instance *instance;                 /* the one of test_start */
    struct text failures;
    uint32_t checks;
    const char *skipped;
    uint32_t next_loop;
};

struct test_case {
    const char *suite, *name;
    void (*run)(struct test *);
    const char *block;                         /* NULL: any */
    const char *verb;                          /* runs only when the component has it */
    uint64_t caps;                             /* and promises this */
    uint32_t starts_itself;                    /* 1: the case starts (and stops) the component */
    uint32_t asks;                             /* 1: needs the question that can be asked at any time */
};

void test_check(struct test *, bool so, const char *format, ...) TRB_PRINTF(3, 4);
void test_skip(struct test *, const char *why);
#define EXPECT(t, so, ...) test_check(t, so, __VA_ARGS__)
/* As EXPECT; without it the rest makes no sense. */
#define REQUIRE(t, so, ...)                                                                        \
    do {                                                                                           \
        bool so_ = (so);                                                                           \
        test_check(t, so_, __VA_ARGS__);                                                           \
        if (!so_)                                                                                  \
            return;                                                                                \
    } while (0)

/* ------------------------------------------------------------------------------------ life */
/* Fills err when it does not start. properties NULL: the subject's. */
trb_code instance_up(struct test *, const struct trb_pairs *properties, struct instance **ret, struct trb_error *err);
bool instance_down(struct test *, struct instance *);          /* false: it did not stop; noted */
bool test_start(struct test *);                /* the subject's own; failures are noted */
bool test_stop(struct test *);

/* ------------------------------------------------------------------------------------ asking */
struct asked;                                  /* a question under way */
struct how {
    uint32_t loop;                             /* which loop asks */
    uint64_t deadline_ns;                      /* 0: none */
    bool without_owner;                        /* bodies that cannot be kept */
    struct instance *instance;                 /* NULL: the test's */
};
struct asked *ask_begin(struct test *, const char *verb, const void *question, const struct how *);
bool ask_wait(struct asked *, uint64_t patience_ns);           /* false: no answer yet */
void ask_cancel(struct asked *, uint32_t why); /* abandons it; then wait means: the owed answer came */
/* Valid after ask_wait, until ask_end. */
const void *ask_answer(const struct asked *);
const struct trb_error *ask_failure(const struct asked *);
const char *ask_why(const struct asked *);       /* the failure's sentence; "": none */
uint32_t ask_items(const struct asked *);
const void *ask_item(const struct asked *, uint32_t i);        /* NULL: failed or missing */
const struct trb_error *ask_item_failure(const struct asked *, uint32_t i);
struct asked *ask_end(struct asked *);         /* returns NULL; an unanswered one is left behind */

/* Asks on the next loop and waits; no answer in time is noted, NULL then. */
struct asked *ask(struct test *, const char *verb, const void *question);
/* True when it answered well; else why is in err. For verbs that answer nothing. */
bool ask_well(struct test *, const char *verb, const void *question, struct trb_error *err);
/* The question that can be asked at any time. probe without the verb for it (an input binding's): true. */
struct asked *probe_begin(struct test *, const struct how *);
bool probe(struct test *);                     /* was it answered? */
struct trb_name test_key(struct test *, const char *word);     /* unique in this run; lives with the process */

/* ------------------------------------------------------------------------------------ streams */
struct listener;                               /* one subscription and what it heard */
struct heard {
    struct trb_slice topic, data;              /* of configuration: key and value */
    uint32_t verdict;                          /* 0: not yet settled */
    struct stream_call_event *event;
};
struct listener *listen_begin(struct test *, const void *question, uint32_t credit, uint32_t loop);
bool listen_opened(struct listener *, uint64_t patience_ns);
/* Waits until count events were heard in all. */
bool listen_wait(struct listener *, uint32_t count, uint64_t patience_ns);
uint32_t listen_count(struct listener *);
struct heard listen_heard(struct listener *, uint32_t i);
void listen_settle(struct listener *, uint32_t i, uint32_t verdict);
void listen_settle_all(struct listener *, uint32_t verdict);   /* those heard and those to come */
bool listen_close(struct listener *, uint32_t why, uint64_t patience_ns);   /* false: it did not end */
const struct trb_error *listen_failure(const struct listener *);   /* after its end */

/* ------------------------------------------------------------------------------------ suites */
extern const struct test_case suite_manifest[], suite_options[], suite_life[], suite_calls[], suite_hosts[],
    suite_state[], suite_state_more[], suite_state_many[], suite_pubsub[], suite_secretstores[], suite_nameresolution[],
    suite_lock[], suite_configuration[], suite_bindings[], suite_crypto[];

#endif

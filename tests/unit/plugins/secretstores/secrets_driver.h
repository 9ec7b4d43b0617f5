/* secrets_driver: the verbs of the secretstores block for tests; what comes is one line of text. */
#ifndef TEST_SECRETS_DRIVER_H
#define TEST_SECRETS_DRIVER_H

#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <base/text.h>
#include <stdlib.h>
#include <string.h>
#include <trilby/secretstores.h>
#include "../driver.h"

#define TRB_DEF <trilby/secretstores.def>
#define TRB_OPS struct trb_secretstores_ops
#include <trilby/verbs_layout.h>

static const struct trb_block block = {
    .size = sizeof block, .abi = TRB_BLOCK_ABI, .name = "secretstores", .verbs = trb_verbs_, .mandatory = "get",
    .verb_count = sizeof trb_verbs_ / sizeof trb_verbs_[0], .verb_size = sizeof trb_verbs_[0]};

static struct instance *store;
static struct text said;

static void add(const struct trb_pairs *values)
{
    for (uint32_t n = 0; n < values->count; n++) {
        const struct trb_pair *p = trb_pair_at(values, n);
        text_addf(&said, "%s%.*s=%.*s", n ? "," : "", SLICE_ARG(p->key), SLICE_ARG(p->value));
    }
}

/* "a=1,b=2", or "!" and the failure. */
static const char *get(const char *name)
{
    struct trb_secret_get q = {.size = sizeof q, .name = name_of(name)};
    struct asked a = {.instance = store, .verb = &trb_verbs_[0], .question = &q};
    driver_ask(&a);
    text_clear(&said);
    text_adds(&said, "");
    if (call_failure(a.call))
        text_addf(&said, "!%s", call_failure(a.call)->message);
    else
        add(&((const struct trb_secret *)call_answer(a.call))->values);
    driver_release(&a);
    return said.at;
}

/* "name{a=1} name{…}" */
static const char *bulk(void)
{
    struct trb_secret_bulk q = {.size = sizeof q};
    struct asked a = {.instance = store, .verb = &trb_verbs_[1], .question = &q};
    driver_ask(&a);
    text_clear(&said);
    text_adds(&said, "");
    for (uint32_t n = 0; n < call_item_count(a.call); n++) {
        const struct trb_secret *s = call_item_at(a.call, n)->answer;
        text_addf(&said, "%s%.*s{", n ? " " : "", SLICE_ARG(s->name));
        add(&s->values);
        text_addc(&said, '}');
    }
    driver_release(&a);
    return said.at;
}

#endif

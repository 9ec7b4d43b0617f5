/* facts_bindings: the verbs of bindings, from its table. Any component can be asked an operation of its own that
 * changes little: get, query, else the first one it says. */
#include "blocks.h"
#include <base/check.h>
#include <base/slice.h>
#include <stdio.h>
#include <trilby/bindings.h>

#define TRB_DEF <trilby/bindings.def>
#define TRB_OPS struct trb_bindings_ops
#include <trilby/verbs_layout.h>

static const char *const names[] = {"INPUT_BINDING", "OUTPUT_BINDING", NULL};
static const char *const proofs[] = {"read", "invoke", NULL};

static struct trb_slice preferred(struct trb_slice operations)
{
    struct trb_slice first = {NULL, 0};
    while (operations.at) {
        struct trb_slice word = slice_split(&operations, ' ');
        if (slice_is(word, SLICE("get")) || slice_is(word, SLICE("query")))
            return word;
        first = first.at ? first : word;
    }
    return first;
}

static const void *probe_of(const struct trb_component *c)
{
    static const struct trb_pair beside[] = {{NAME("key"), NAME("conform-probe")},
                                             {NAME("fileName"), NAME("conform-probe")},
                                             {NAME("sql"), NAME("SELECT 1")}};
    static char operation[64];
    static struct trb_binding_invoke q = {.size = sizeof q, .data = {"{}", 2, NULL},
                                          .metadata = {beside, countof(beside), sizeof beside[0]}};
    const struct trb_bindings_ops *ops = c->ops;
    struct trb_slice word = preferred(slice_of(ops->operations ? ops->operations : "get"));
    snprintf(operation, sizeof operation, "%.*s", SLICE_ARG(word));
    q.operation = name_of(operation);
    return &q;
}

const struct block_facts facts_bindings = {
    .block = {.size = sizeof(struct trb_block), .abi = TRB_BLOCK_ABI, .name = "bindings", .verbs = trb_verbs_,
              .verb_count = countof(trb_verbs_), .verb_size = sizeof trb_verbs_[0], .cap_names = names,
              .cap_verbs = proofs, .mandatory = ""},
    .probe = "invoke", .probe_question_of = probe_of};

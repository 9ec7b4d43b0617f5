/* binding: what a component says of itself to this block: its directions, its route, its operations; and how it
 * is counted. components.md 0.1, resources.md 6.2 */
#include "bindings_block.h"
#include <base/clock.h>
#include <base/mem.h>

/* ---------------------------------------------------------------------------------------- making */
static bool says(struct trb_slice list, const char *direction)
{
    while (list.at)
        if (slice_is_nocase(slice_trim(slice_split(&list, ',')), slice_of(direction)))
            return true;
    return false;
}

/* As given, behind one slash; bytes that no request line may hold are escaped. */
static struct trb_name path_make(struct trb_slice route)
{
    struct text t = {0};
    if (!route.len || route.at[0] != '/')
        text_addc(&t, '/');
    text_add_escaped(&t, route, "/-._~!$&'()*+,;=:@%?[]");
    struct trb_name path = {mem_text(t.at, t.len), t.len};
    text_fini(&t);
    return path;
}

static void take_directions(struct binding *b, uint64_t caps, struct trb_name direction)
{
    struct trb_slice list = slice_name(direction);
    b->is_output = caps & TRB_BINDINGS_OUTPUT && (!direction.at || says(list, "output"));
    b->is_input = caps & TRB_BINDINGS_INPUT && (!direction.at || says(list, "input"));
    b->is_asked_for = !direction.at;
}

struct binding *binding_create(const struct trb_kernel *k, struct trb_instance *i)
{
    const struct trb_bindings_ops *ops = k->instance_ops(i);
    struct trb_pairs properties = k->instance_properties(i);
    struct trb_name name = k->instance_name(i), route = trb_pair_get(&properties, "route");
    struct binding *b = mem_zero(sizeof *b);
    list_init(&b->link);
    b->name = (struct trb_name){mem_text(name.at, name.len), name.len};
    b->path = path_make(slice_name(route.len ? route : name));
    b->operations = TRB_HAS(ops, operations) ? ops->operations : "";
    take_directions(b, k->instance_caps(i), trb_pair_get(&properties, "direction"));
    k->instance_narrow(i, (b->is_output ? TRB_BINDINGS_OUTPUT : 0) | (b->is_input ? TRB_BINDINGS_INPUT : 0));
    if (!b->is_output && !b->is_input)
        say(k, TRB_LOG_WARN, "binding %s does nothing: its direction is not one that %s has", name.at, k->instance_type(i).at);
    return b;
}

struct binding *binding_destroy(struct binding *b)
{
    if (!b)
        return NULL;
    list_remove(&b->link);
    mem_free((char *)(uintptr_t)b->name.at);
    mem_free((char *)(uintptr_t)b->path.at);
    for (size_t i = 0; i < METRIC_OPERATIONS; i++)
        mem_free(atomic_load_explicit(&b->taken[i], memory_order_relaxed));
    return mem_free(b);
}

/* ----------------------------------------------------------------------------------- operations */
/* It refuses the others, with the reason NO_OPERATION. */
static bool knows_itself(const struct binding *b)
{
    return !strcmp(b->operations, "*");
}

int binding_operation(const struct binding *b, struct trb_slice name)
{
    struct trb_slice rest = slice_of(b->operations);
    if (knows_itself(b))
        return 0;
    for (int i = 0; rest.len; i++)
        if (slice_is(slice_split(&rest, ' '), name))
            return i;
    return -1;
}

struct trb_instance *output_find(struct trb_request *rq, struct trb_name name, struct trb_name operation,
                                 const char **ret_why)
{
    if (!operation.len) {
        *ret_why = "operation field is missing from request";
        return NULL;
    }
    struct trb_instance *i = rq->kernel->find(rq, "bindings", slice_name(name));
    const struct binding *b = i ? rq->kernel->instance_data(i) : NULL;
    if (!b || !b->is_output) {
        *ret_why = trb_printf(rq, "couldn't find output binding %s", name.at).at;
        return NULL;
    }
    if (binding_operation(b, slice_name(operation)) < 0) {
        *ret_why = trb_printf(rq, "binding %s does not support operation %s. supported operations:%s", name.at,
                              operation.at, b->operations).at;
        return NULL;
    }
    return i;
}

/* --------------------------------------------------------------------------------------- metrics */
/* No client can invent one: it is of the binding's list, or the component has taken it, and they are few. */
static struct trb_slice operation_at(const struct binding *b, int index)
{
    struct trb_slice rest = slice_of(b->operations), one = rest;
    if (knows_itself(b))
        return slice_of(atomic_load_explicit(&b->taken[index], memory_order_acquire));
    for (int i = 0; i <= index; i++)
        one = slice_split(&rest, ' ');
    return one;
}

static int index_taken(struct binding *b, struct trb_slice name)
{
    for (int i = 0; i < (int)METRIC_OPERATIONS; i++) {
        char *there = atomic_load_explicit(&b->taken[i], memory_order_acquire);
        char *mine = there ? NULL : mem_text(name.at, name.len);
        if (mine && atomic_compare_exchange_strong(&b->taken[i], &there, mine))
            return i;
        mem_free(mine);
        if (slice_is(slice_of(there), name))
            return i;
    }
    return (int)METRIC_OPERATIONS;
}

static struct trb_metric *metric(const struct trb_kernel *k, struct binding *b, const char *name, int operation, bool success)
{
    char word[64] = "";
    struct trb_pair pairs[5] = {{NAME("app_id"), k->info->app_id}, {NAME("component"), b->name},
                                {NAME("namespace"), k->info->namespace_}};
    struct trb_pairs labels = {pairs, 3, sizeof pairs[0]};
    if (operation >= 0) {
        snprintf(word, sizeof word, "%.*s", SLICE_ARG(operation_at(b, operation)));
        pairs[labels.count++] = (struct trb_pair){NAME("operation"), name_of(word)};
    }
    pairs[labels.count++] = (struct trb_pair){NAME("success"), success ? NAME("true") : NAME("false")};
    return k->metric(k, name, &labels);
}

static struct trb_metric *kept(const struct trb_kernel *k, struct binding *b, _Atomic(struct trb_metric *) *keep,
                               const char *name, int operation, bool success)
{
    struct trb_metric *m = atomic_load_explicit(keep, memory_order_acquire);
    if (!m)
        atomic_store_explicit(keep, m = metric(k, b, name, operation, success), memory_order_release);
    return m;
}

static void count(const struct trb_kernel *k, struct binding *b, int operation, bool success, uint64_t began_ns)
{
    bool is_read = operation < 0;
    _Atomic(struct trb_metric *) *keep = is_read ? b->read[success] : b->invoked[operation][success];
    k->metric_add(kept(k, b, &keep[0], is_read ? "dapr_component_input_binding_count" : "dapr_component_output_binding_count",
                       operation, success), 1);
    k->metric_add(kept(k, b, &keep[1], is_read ? "dapr_component_input_binding_latencies" : "dapr_component_output_binding_latencies",
                       operation, success), (double)(clock_now_ns() - began_ns) / 1e6);
}

void binding_count_read(const struct trb_kernel *k, struct binding *b, bool success, uint64_t began_ns)
{
    count(k, b, -1, success, began_ns);
}

void binding_count_invoked(const struct trb_kernel *k, struct binding *b, struct trb_slice operation, bool success,
                           uint64_t began_ns)
{
    int index = knows_itself(b) ? index_taken(b, operation) : binding_operation(b, operation);
    if (index >= 0 && index < (int)METRIC_OPERATIONS)
        count(k, b, index, success, began_ns);
}

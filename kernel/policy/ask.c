/* ask: from a request to a component and back.
 *
 * One asking hangs on the request at a time. It pins the request, so that the question (which lives
 * in the request's arena) stays readable until the last late answer is in. */
#include <base/check.h>
#include <base/clock.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <observe/component.h>
#include <plugin/call.h>
#include <plugin/catalog.h>
#include <plugin/service.h>
#include <policy/ask.h>
#include <policy/streams.h>

struct asked {                             /* one question of an asking */
    struct asking *asking;
    struct call *call;
    uint32_t index;
    bool is_done;
};

struct asking {
    struct request *rq;
    struct instance *instance;
    const struct trb_verb_info *verb;
    const char *questions;
    uint32_t count, stride, parallel, next, done, running;
    bool is_over, is_each;
    uint64_t began_ns, until_ns;           /* until: 0, or when its own time is up */
    struct timer timer;
    struct request_ending ending;
    struct asked at[];
};

const struct trb_verb_info *ask_verb(const struct trb_instance *view, uint32_t offset)
{
    const struct trb_block *b = view->service->block;
    for (uint32_t n = 0; n < b->verb_count; n++) {
        const struct trb_verb_info *v = (const void *)((const char *)b->verbs + n * b->verb_size);
        if (v->offset == offset)
            return v;
    }
    return NULL;
}

/* --------------------------------------------------------------------------------- the end of it */
static void release(struct request *rq, void *arg)
{
    struct asking *a = arg;
    timer_end(&a->timer);
    for (uint32_t i = 0; i < a->count; i++)
        a->at[i].call = call_release(a->at[i].call);
    a->count = 0;
    if (rq->asking == a)
        rq->asking = NULL;
}

static void on_settled(void *arg)
{
    request_unpin(arg);
}

static void on_cancel(struct request *rq, void *arg, uint32_t why)
{
    struct asking *a = arg;
    a->is_over = true;
    timer_end(&a->timer);
    for (uint32_t i = 0; i < a->next; i++)
        if (a->at[i].call && !a->at[i].is_done) {
            request_pin(rq);
            call_abandon(a->at[i].call, why, on_settled, rq);
            a->at[i].call = NULL;
        }
}

/* The request goes on without the answer, but stays until it is in: the question is in its memory. */
static void on_late(void *arg)
{
    struct asking *a = arg;
    struct request *rq = a->rq;
    struct trb_error *err = arena_zero(rq->arena, sizeof *err);
    struct call *call = a->at[0].call;
    *err = (struct trb_error)ERROR_INIT;
    error_set(err, TRB_DEADLINE, "DEADLINE", "context deadline exceeded");
    a->is_over = true;
    a->at[0].call = NULL;
    rq->failure = err;
    request_pin(rq);
    call_abandon(call, TRB_WHY_DEADLINE, on_settled, rq);
    observe_component(a->instance->name, a->instance->block, a->verb->name, false, loop_now_ns(rq->loop) - a->began_ns);
    request_resume(rq);
}

static void start_more(struct asking *a);

static void on_answered(struct call *c, void *arg)
{
    struct asked *asked = arg;
    struct asking *a = asked->asking;
    asked->is_done = true;
    timer_end(&a->timer);
    a->running--;
    a->done++;
    if (!a->is_each) {
        a->rq->answer = call_answer(c);
        a->rq->failure = (struct trb_error *)(uintptr_t)call_failure(c);
        observe_component(a->instance->name, a->instance->block, a->verb->name, !call_failure(c),
                          loop_now_ns(a->rq->loop) - a->began_ns);
    }
    start_more(a);
    if (a->done == a->count)
        request_resume(a->rq);
}

static void start_more(struct asking *a)
{
    while (!a->is_over && a->next < a->count && (!a->parallel || a->running < a->parallel)) {
        struct asked *asked = &a->at[a->next];
        struct call_question q = {.verb = a->verb, .question = a->questions + (size_t)a->next * a->stride,
                                  .deadline_ns = a->until_ns ? a->until_ns : a->rq->deadline_ns};
        asked->asking = a;
        asked->index = a->next++;
        a->running++;
        asked->call = call_ask(a->instance, &q, on_answered, asked);
    }
}

/* Where the request has less time left its own deadline comes first. */
static void limit(struct asking *a, uint64_t timeout_ns)
{
    uint64_t until_ns = a->began_ns + timeout_ns;
    if (!timeout_ns || (a->rq->deadline_ns && a->rq->deadline_ns < until_ns))
        return;
    a->until_ns = until_ns;
    timer_set(a->rq->loop, &a->timer, until_ns, on_late, a);
}

static struct trb_next begin(struct request *rq, struct trb_instance *i, uint32_t verb, const void *questions,
                             uint32_t count, uint32_t stride, uint32_t parallel, bool each, uint64_t timeout_ns,
                             struct trb_next then)
{
    if (request_is_over(rq))
        return request_over();
    if (rq->asking)
        release(rq, rq->asking);
    struct asking *a = arena_zero(rq->arena, sizeof *a + count * sizeof a->at[0]);
    a->rq = rq;
    a->instance = instance_of(i);
    a->verb = ask_verb(i, verb);
    check(a->verb);
    a->questions = questions;
    a->count = count;
    a->stride = stride;
    a->parallel = parallel;
    a->is_each = each;
    a->began_ns = loop_now_ns(rq->loop);
    limit(a, timeout_ns);
    rq->asking = a;
    rq->answer = NULL;
    rq->failure = NULL;
    request_at_end(rq, &a->ending, release, a);
    start_more(a);
    return count ? request_await(rq, then, on_cancel, a) : then;
}

static struct trb_next ask(struct trb_request *public_, struct trb_instance *i, uint32_t verb, const void *question,
                           struct trb_next then)
{
    return begin(request_of(public_), i, verb, question, 1, 0, 1, false, 0, then);
}

static struct trb_next ask_within(struct trb_request *public_, struct trb_instance *i, uint32_t verb,
                                  const void *question, uint64_t timeout_ns, struct trb_next then)
{
    return begin(request_of(public_), i, verb, question, 1, 0, 1, false, timeout_ns, then);
}

static struct trb_next ask_each(struct trb_request *public_, struct trb_instance *i, uint32_t verb,
                                const void *questions, uint32_t count, uint32_t stride, uint32_t parallel,
                                struct trb_next then)
{
    return begin(request_of(public_), i, verb, questions, count, stride, parallel, true, 0, then);
}

/* A verb without an answer of its own succeeded: something that is not NULL. */
static const void *answer(struct trb_request *public_)
{
    static const struct trb_nothing nothing = {.size = sizeof nothing};
    struct request *rq = request_of(public_);
    return rq->failure ? NULL : rq->answer ? rq->answer : &nothing;
}

static const struct trb_error *failure(struct trb_request *public_)
{
    return request_of(public_)->failure;
}

static uint32_t item_count(struct trb_request *public_)
{
    struct asking *a = request_of(public_)->asking;
    if (!a || !a->count || a->at[0].call == NULL)
        return 0;
    return a->is_each ? a->count : call_item_count(a->at[0].call);
}

static const void *item(struct trb_request *public_, uint32_t i, const struct trb_error **ret_failure)
{
    struct asking *a = request_of(public_)->asking;
    const struct call_item *one = a && a->count && !a->is_each && a->at[0].call ? call_item_at(a->at[0].call, i) : NULL;
    bool is_single = a && a->is_each && i < a->count && a->at[i].call;
    *ret_failure = is_single ? call_failure(a->at[i].call) : one ? one->failure : NULL;
    return is_single ? call_answer(a->at[i].call) : one ? one->answer : NULL;
}

/* ------------------------------------------------------------------------------------ components */
static void unpin(struct request *rq, void *arg)
{
    instance_unpin(arg);
}

static void unpin_service(struct request *rq, void *arg)
{
    struct service *s = arg;
    s->owner.unpin(&s->owner);
}

/* While a block changes hands a loop's catalog may be ahead of its routes, or behind them: a request works with
 * the view of the copy that it runs in. A view of another block pins that block. */
static struct trb_instance *own_view(struct request *rq, struct trb_instance *found)
{
    struct service *own = service_of_owner(rq->owner);
    struct trb_instance *view = own && own != found->service ? service_view(own, found) : NULL;
    if (view || own == found->service)
        return view ? view : found;
    found->service->owner.pin(&found->service->owner);
    request_at_end(rq, arena_zero(rq->arena, sizeof(struct request_ending)), unpin_service, found->service);
    return found;
}

static struct trb_instance *find(struct trb_request *public_, const char *block, struct trb_slice name)
{
    struct request *rq = request_of(public_);
    struct trb_instance *i = catalog_find(block, name);
    if (!i)
        return NULL;
    instance_pin(instance_of(i));
    request_at_end(rq, arena_zero(rq->arena, sizeof(struct request_ending)), unpin, instance_of(i));
    return own_view(rq, i);
}

static uint32_t count(const struct trb_kernel *k, const char *block)
{
    return catalog_count(block);
}

static struct trb_instance *instance_at(const struct trb_kernel *k, uint32_t n)
{
    return catalog_at(n);
}

static uint32_t has_verb(struct trb_instance *public_, uint32_t verb)
{
    const void *ops = instance_of(public_)->component->ops;
    return *(const uint32_t *)ops >= verb + sizeof(void *) &&
           *(void *const *)(const void *)((const char *)ops + verb) != NULL;
}

static struct trb_name name_text(const char *text)
{
    return (struct trb_name){text, strlen(text)};
}

static struct trb_name instance_name(const struct trb_instance *i)
{
    return name_text(instance_of(i)->name);
}

static struct trb_name instance_type(const struct trb_instance *i)
{
    return name_text(instance_of(i)->type);
}

static struct trb_name instance_version(const struct trb_instance *i)
{
    return name_text(instance_of(i)->version);
}

static uint64_t instance_caps(const struct trb_instance *i)
{
    return atomic_load_explicit(&instance_of(i)->caps, memory_order_relaxed);
}

static void instance_narrow(struct trb_instance *i, uint64_t caps)
{
    atomic_fetch_and(&instance_of(i)->caps, caps);
}

static struct trb_pairs instance_properties(const struct trb_instance *i)
{
    return instance_of(i)->setup.properties;
}

static struct trb_slice instance_document(const struct trb_instance *i)
{
    return i->instance->setup.document;
}

static const void *instance_ops(const struct trb_instance *i)
{
    return instance_of(i)->component->ops;
}

static void *instance_data(const struct trb_instance *i)
{
    return i->data;
}

static const char *block_of(const struct trb_instance *i)
{
    return instance_of(i)->block;
}

/* Made once per question into a small ring: it is asked by the metadata alone. */
static struct trb_slice cap_names(const struct trb_instance *public_)
{
    static _Thread_local char room[512];
    const char *const *names = public_->service->block->cap_names;
    size_t len = 0;
    for (uint32_t bit = 0; names && names[bit]; bit++)
        if (instance_caps(public_) >> bit & 1)
            len += (size_t)snprintf(room + len, sizeof room - len, "%s%s", len ? " " : "", names[bit]);
    return slice_from(room, len);
}

void ask_kernel_fill(struct trb_kernel *k)
{
    k->find = find;
    k->count = count;
    k->ask = ask;
    k->ask_each = ask_each;
    k->ask_within = ask_within;
    k->answer = answer;
    k->failure = failure;
    k->item_count = item_count;
    k->item = item;
    k->has_verb = has_verb;
    k->instance_name = instance_name;
    k->instance_type = instance_type;
    k->instance_version = instance_version;
    k->instance_caps = instance_caps;
    k->instance_narrow = instance_narrow;
    k->instance_properties = instance_properties;
    k->instance_ops = instance_ops;
    k->instance_document = instance_document;
    k->instance_data = instance_data;
    k->instance_at = instance_at;
    k->block_of = block_of;
    k->cap_names = cap_names;
    streams_kernel_fill(k);
}

/* --------------------------------------------------------------------- without a request */
struct plain {
    void (*then)(void *, const void *, const struct trb_error *);
    void *arg;
    struct call *call;
    struct timer timer;
    struct loop *loop;
    struct request_owner *owner;           /* of the view: its plugin knows the verb */
};

static void plain_free(void *arg)
{
    struct plain *p = arg;
    p->owner->unpin(p->owner);
    mem_free(p);
}

static void on_plain(struct call *c, void *arg)
{
    struct plain *p = arg;
    timer_end(&p->timer);
    p->then(p->arg, call_answer(c), call_failure(c));
    call_release(c);
    plain_free(p);
}

static void on_plain_late(void *arg)
{
    struct plain *p = arg;
    struct trb_error err = ERROR_INIT;
    error_set(&err, TRB_DEADLINE, "DEADLINE", "context deadline exceeded");
    p->then(p->arg, NULL, &err);
    call_abandon(p->call, TRB_WHY_DEADLINE, plain_free, p);
}

void ask_plain(struct trb_instance *i, uint32_t verb, const void *question, uint64_t timeout_ns,
               void (*then)(void *, const void *, const struct trb_error *), void *arg)
{
    struct plain *p = mem_zero(sizeof *p);
    p->then = then;
    p->arg = arg;
    p->loop = loop_self();
    p->owner = &i->service->owner;
    p->owner->pin(p->owner);
    struct call_question q = {.verb = ask_verb(i, verb), .question = question};
    p->call = call_ask(instance_of(i), &q, on_plain, p);
    if (timeout_ns)
        timer_after(p->loop, &p->timer, timeout_ns, on_plain_late, p);
}

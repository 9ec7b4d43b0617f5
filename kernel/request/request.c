/* request: birth, pins and the end of a request, and the list of those alive. Not the engine. */
#include <base/check.h>
#include <base/mem.h>
#include <request/private.h>
#include <request/router.h>
#include <stdio.h>
#include <string.h>

static struct request_home homes[REQUEST_LOOPS];
static const struct http_headers no_headers;

struct request_home *request_home_of(struct loop *loop)
{
    uint32_t index = loop_index(loop);
    check(index < REQUEST_LOOPS);
    if (!homes[index].all.next)
        list_init(&homes[index].all);
    return &homes[index];
}

struct request *request_create(const struct request_birth *birth)
{
    struct request *rq = arena_alloc(birth->arena, sizeof *rq);
    memset(rq, 0, offsetof(struct request, trail));
    rq->public_.size = sizeof rq->public_;
    rq->public_.door = birth->door_kind;
    rq->magic = REQUEST_MAGIC;
    rq->loop = birth->loop;
    rq->arena = birth->arena;
    rq->door = birth->door;
    rq->door_data = birth->door_data;
    rq->headers = &no_headers;
    rq->pins = 1;
    rq->begun_ns = loop_now_ns(birth->loop);
    rq->out.headers.at = rq->first_headers;
    rq->out.headers.room = REQUEST_HEADERS;
    rq->out.has_room = true;
    rq->body.ended = true;
    rq->body.length = HTTP_NO_BODY;
    rq->home = request_home_of(birth->loop);
    list_append(&rq->home->all, &rq->link);
    atomic_fetch_add_explicit(&rq->home->live, 1, memory_order_relaxed);
    if (birth->owner)
        request_set_owner(rq, birth->owner);
    return rq;
}

void request_set_owner(struct request *rq, struct request_owner *owner)
{
    struct request_owner *old = rq->owner;
    rq->owner = owner;
    if (owner->pin)
        owner->pin(owner);
    if (old && old->unpin)
        old->unpin(old);
    rq->public_.kernel = owner->kernel;
    rq->public_.self = owner->self;
}

static void on_deadline(void *arg)
{
    request_cancel(checked(arg, struct request, REQUEST_MAGIC), TRB_WHY_DEADLINE);
}

void request_set_deadline(struct request *rq, uint64_t deadline_ns)
{
    rq->deadline_ns = deadline_ns;
    timer_end(&rq->deadline_timer);
    if (deadline_ns && rq->phase != REQUEST_ENDED)
        timer_set(rq->loop, &rq->deadline_timer, deadline_ns, on_deadline, rq);
}

void request_at_end(struct request *rq, struct request_ending *ending,
                    void (*run)(struct request *, void *), void *arg)
{
    *ending = (struct request_ending){.next = rq->endings, .run = run, .arg = arg};
    rq->endings = ending;
}

void request_pin(struct request *rq)
{
    check(rq->pins > 0);
    rq->pins++;
}

/* Plugins may be unmapped once their owner is unpinned, so that comes last of all. */
static void release(struct request *rq)
{
    struct request_owner *owner = rq->owner;
    struct router *router = rq->router;
    while (rq->endings) {
        struct request_ending *ending = rq->endings;
        rq->endings = ending->next;
        ending->run(rq, ending->arg);
    }
    if (rq->is_lingering)
        atomic_fetch_sub_explicit(&rq->home->lingering, 1, memory_order_relaxed);
    request_body_fini(rq);
    list_remove(&rq->link);
    rq->magic = 0;
    rq->door->release(rq);
    router_unref(router);
    if (owner && owner->unpin)
        owner->unpin(owner);
}

void request_unpin(struct request *rq)
{
    check(rq->magic == REQUEST_MAGIC && rq->pins > 0);
    if (--rq->pins == 0)
        release(rq);
}

/* What a block forgot: a request that ends unanswered would leave its client waiting for ever. */
static void answer_for_the_block(struct request *rq)
{
    static const struct trb_error_row row = {.size = sizeof row, .code = "ERR_INTERNAL",
                                             .category = "common", .http_status = 500, .grpc = TRB_INTERNAL};
    struct trb_refusal refusal = {.size = sizeof refusal, .row = &row,
                                  .message = {"the request ended without an answer", 35}};
    if (rq->out.head_sent)
        request_reply_cut(rq);
    else
        request_refuse(rq, &refusal);
}

void request_finish(struct request *rq)
{
    check(rq->phase != REQUEST_ENDED);
    if (!rq->cancelled && !rq->out.ended)
        answer_for_the_block(rq);
    rq->phase = REQUEST_ENDED;
    rq->body.more = NULL;
    rq->out.room = NULL;
    timer_end(&rq->deadline_timer);
    timer_end(&rq->sleep_timer);
    job_end(&rq->job);
    if (rq->on_over)
        rq->on_over(&rq->public_, rq->on_over_arg);
    if (rq->door->ended)
        rq->door->ended(rq);
    atomic_fetch_sub_explicit(&rq->home->live, 1, memory_order_relaxed);
    if (rq->pins > 1) {
        rq->is_lingering = true;
        atomic_fetch_add_explicit(&rq->home->lingering, 1, memory_order_relaxed);
    }
    request_unpin(rq);
}

void request_end(struct request *rq)
{
    check(!rq->in_step);
    if (rq->phase != REQUEST_ENDED)
        request_finish(rq);
}

uint32_t request_count(void)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < REQUEST_LOOPS; i++)
        sum += atomic_load_explicit(&homes[i].live, memory_order_relaxed);
    return sum;
}

uint32_t request_pinned_count(void)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < REQUEST_LOOPS; i++)
        sum += atomic_load_explicit(&homes[i].lingering, memory_order_relaxed);
    return sum;
}

void request_each(uint32_t loop_index, void (*each)(struct request *, void *), void *arg)
{
    if (loop_index >= REQUEST_LOOPS || !homes[loop_index].all.next)
        return;
    list_each(node, &homes[loop_index].all)
        each(list_item(node, struct request, link), arg);
}

/* One cancel may free its neighbour (a task that ends with its asker), so each is pinned meanwhile. */
void request_cancel_all(struct loop *loop, uint32_t why)
{
    struct request_home *home = request_home_of(loop);
    struct list *node = home->all.next;
    while (node != &home->all) {
        struct request *rq = list_item(node, struct request, link);
        request_pin(rq);
        request_cancel(rq, why);
        node = node->next;
        request_unpin(rq);
    }
}

size_t request_trail_text(const struct request *rq, char *ret_text, size_t size)
{
    size_t len = 0;
    uint32_t first = rq->steps > REQUEST_TRAIL ? rq->steps - REQUEST_TRAIL : 0;
    uint64_t took_us = (loop_now_ns(rq->loop) - rq->begun_ns) / 1000;
    for (uint32_t i = first; i < rq->steps && len < size; i++)
        len += (size_t)snprintf(ret_text + len, size - len, "%s%s", i == first ? "" : " > ",
                                rq->trail[i % REQUEST_TRAIL].name);
    if (len < size)
        len += (size_t)snprintf(ret_text + len, size - len, "%s%llu.%llu ms", len ? " " : "",
                                (unsigned long long)took_us / 1000, (unsigned long long)took_us / 100 % 10);
    return len < size ? len : size - 1;
}

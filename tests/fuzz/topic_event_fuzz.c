/* Any bytes as a message of a broker, as gRPC speaks of it: what can be said is a message that reads back, what
 * cannot has a sentence. */
#include <base/check.h>
#include <plugins/pubsub/block/topic_event.c>

static struct arena *arena;

static void *from_request(struct trb_request *rq, size_t size)
{
    return arena_zero(arena, size);
}

static void *from_arena(void *arg, size_t size)
{
    return arena_zero(arg, size);
}

static void reads_back(const struct runtime_topic_event_ce_request *p)
{
    struct runtime_topic_event_ce_request back = {0};
    struct text t = {0};
    pb_write(&runtime_topic_event_ce_request_pb, p, &t);
    check(!pb_read(&runtime_topic_event_ce_request_pb, text_slice(&t), (struct pb_memory){from_arena, arena}, &back));
    check(slice_is(slice_name(back.id), slice_name(p->id)) && slice_is(back.data, p->data));
    check(slice_is(back.extensions, p->extensions));
    text_fini(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    const struct trb_kernel kernel = {.size = sizeof kernel, .alloc = from_request};
    struct trb_request rq = {.size = sizeof rq, .kernel = &kernel};
    struct runtime_topic_event_ce_request parts;
    struct json_value event;
    struct json_fault fault;
    if (!json_parse(slice_from((const char *)at, len), &event, &fault) || event.kind != JSON_OBJECT)
        return 0;
    arena = arena_create(SIZE_MAX);
    const char *why = topic_event_read(&rq, event, SLICE("plain"), &parts);
    if (why)
        check(*why);
    else
        reads_back(&parts);
    arena_destroy(arena);
    return 0;
}

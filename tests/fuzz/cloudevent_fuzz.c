/* Any bytes as a published body and as a message of a broker: what is written is a JSON object that
 * reads back, and what is no object is refused with a sentence. */
#include <base/check.h>
#include <events/envelope.h>

static void write_as(const char *type, struct trb_slice bytes)
{
    static const struct trb_pair ttl = {NAME("ttlInSeconds"), NAME("5")};
    struct envelope e = {.topic = SLICE("t"), .pubsub = SLICE("p"), .content_type = slice_of(type), .data = bytes,
                         .source = SLICE("a"), .trace_parent = SLICE("T"), .trace_state = SLICE(""),
                         .metadata = {&ttl, 1, sizeof ttl}};
    struct text t = {0};
    struct json_value back;
    struct json_fault fault = {0};
    if (!envelope_write(&e, &t, &fault)) {
        check(*fault.message);
    } else {
        check(envelope_read(text_slice(&t), &back, &fault));
        check(slice_is(json_find(back, SLICE("topic")).raw, SLICE("\"t\"")));
        check(slice_is(json_find(back, SLICE("pubsubname")).raw, SLICE("\"p\"")));
        check(!envelope_is_expired(back) || is_cloud_event_type(e.content_type));
    }
    text_fini(&t);
}

static void read_as_message(struct trb_slice bytes)
{
    struct trb_pubsub_event event = {.data = {bytes.at, bytes.len, NULL}};
    struct json_value v;
    struct json_fault fault = {0};
    struct text t = {0};
    if (envelope_read(bytes, &v, &fault))
        (void)envelope_is_expired(v);
    else
        check(*fault.message);
    envelope_wrap_raw(&event, SLICE("p"), SLICE("t"), &t);
    check(envelope_read(text_slice(&t), &v, &fault));
    text_fini(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct trb_slice bytes = slice_from((const char *)at, len);
    write_as("application/json", bytes);
    write_as("text/plain", bytes);
    write_as("application/octet-stream", bytes);
    write_as("application/cloudevents+json", bytes);
    read_as_message(bytes);
    return 0;
}

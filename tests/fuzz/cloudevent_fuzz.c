/* Any bytes as a published body and as a message of a broker: what is written is a JSON object that
 * reads back, and what is no object is refused with a sentence. */
#include <base/check.h>
#include <events/envelope.h>
#include <events/outbox_event.h>

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

/* The bytes as an upsert's value, and as metadata beside it. */
static void wait_in_an_outbox(const char *type, struct trb_slice bytes, bool is_json)
{
    struct trb_pair pair = {{bytes.at, bytes.len}, {bytes.at, bytes.len}};
    struct outbox_event e = {.id = SLICE("outbox-1"), .broker = SLICE("p"), .source = SLICE("a"), .trace_parent = SLICE(""),
                             .trace_state = SLICE(""), .content_type = slice_of(type), .value = bytes, .is_json = is_json,
                             .metadata = {&pair, 1, sizeof pair}};
    struct text t = {0};
    struct json_value v;
    struct json_fault fault = {0};
    if (outbox_event_write(&e, &t, &fault)) {
        check(envelope_read(text_slice(&t), &v, &fault));
        check(slice_is(outbox_event_key(v), SLICE("outbox-1")));
    } else {
        check(*fault.message);
    }
    text_fini(&t);
}

static void go_out_of_one(struct trb_slice bytes)
{
    struct text t = {0};
    struct json_value v;
    struct json_fault fault = {0};
    if (!envelope_read(bytes, &v, &fault))
        return;
    struct trb_slice key = outbox_event_key(v);
    check(!key.at || slice_starts(key, SLICE(OUTBOX_KEY)));
    outbox_event_readdress(v, SLICE("p"), SLICE("t"), &t);
    check(envelope_read(text_slice(&t), &v, &fault));
    check(slice_is(json_find(v, SLICE("topic")).raw, SLICE("\"t\"")));
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
    wait_in_an_outbox("application/json", bytes, true);
    wait_in_an_outbox("text/plain", bytes, true);
    wait_in_an_outbox("application/cloudevents+json", bytes, false);
    go_out_of_one(bytes);
    return 0;
}

/* mqtt_packet_fuzz: any bytes as a broker's packets: every slice lies inside the input, the same bytes cut short ask for
 * more, and a publication is written as it was read. The rest is judged as a filter and as a topic. */
#include <base/mem.h>
#include <base/slice.h>
#include <mqtt/filter.h>
#include <mqtt/packet.h>
#include <stdlib.h>

static void inside(struct trb_slice part, struct trb_slice in)
{
    if (part.len && (part.at < in.at || part.at + part.len > in.at + in.len))
        abort();
}

static void write_again(const struct mqtt_packet *p, struct trb_slice in)
{
    char *bytes = mem_alloc(MQTT_PUBLISH_HEAD + p->topic.len);
    size_t len = mqtt_write_publish(bytes, p, p->payload.len);
    if (len > MQTT_PUBLISH_HEAD + p->topic.len || len + p->payload.len != in.len || memcmp(bytes, in.at, len))
        abort();
    mem_free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trb_slice in = {(const char *)data, size};
    struct mqtt_packet p, early;
    int64_t len;
    while ((len = mqtt_read(in, &p)) > 0) {
        struct trb_slice one = slice_cut(in, (size_t)len);
        if ((size_t)len > in.len || mqtt_read(slice_cut(one, one.len - 1), &early) != MQTT_MORE)
            abort();
        inside(p.topic, one);
        inside(p.payload, one);
        inside(p.codes, one);
        if (p.kind == MQTT_PUBLISH)
            write_again(&p, one);
        in = slice_skip(in, (size_t)len);
    }
    struct trb_slice topic = in, filter = slice_split(&topic, '\n');
    if (topic.at && mqtt_filter_is_valid(filter) && mqtt_topic_is_valid(topic)) {
        struct trb_slice shared = mqtt_filter_shared(filter);
        mqtt_filter_matches(shared.at ? shared : filter, topic);
        if (!mqtt_filter_matches(topic, topic))
            abort();
    }
    return 0;
}

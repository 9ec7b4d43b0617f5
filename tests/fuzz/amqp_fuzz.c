/* amqp_fuzz: any bytes as frames, methods' arguments, headers and tables, and as the component's URI: slices lie
 * inside the input, a table that is whole is read to its end, properties that are read can be written and read again. */
#include <base/mem.h>
#include <base/slice.h>
#include <rabbitmq/config.h>
#include <rabbitmq/properties.h>
#include <stdlib.h>

static void lies_inside(struct trb_slice part, struct trb_slice whole)
{
    if (part.len && (part.at < whole.at || part.at + part.len > whole.at + whole.len))
        abort();
}

static void look_table(struct trb_slice bytes)
{
    struct wire w = wire_of(bytes);
    struct wire_value v;
    struct trb_slice name;
    bool is_whole = wire_table_is_whole(bytes);
    while (wire_field(&w, &name, &v)) {
        lies_inside(name, bytes);
        lies_inside(v.text, bytes);
    }
    if (is_whole && (w.broken || w.left))
        abort();
}

static void look_properties(struct trb_slice bytes)
{
    struct rabbit_properties p, q;
    struct text t = {0};
    if (!rabbit_properties_read(bytes, &p))
        return;
    lies_inside(p.headers, bytes);
    lies_inside(p.message_id, bytes);
    rabbit_properties_write(&t, &p);
    if (!rabbit_properties_read(text_slice(&t), &q) || !slice_is(p.headers, q.headers) || p.priority != q.priority ||
        !slice_is(p.type, q.type) || p.timestamp != q.timestamp || p.delivery_mode != q.delivery_mode)
        abort();
    text_fini(&t);
}

static void look_uri(struct trb_slice bytes)
{
    struct trb_error err = {0};
    char *uri = mem_text(bytes.at ? bytes.at : "", bytes.len);
    struct rabbit_config c = {.uri = uri};
    if (!rabbit_config_check(&c, &err) && (!c.host || !c.port || c.port > 65535 || !c.user || !c.secret || !c.vhost))
        abort();
    rabbit_config_fini(&c);
    mem_free(uri);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trb_slice in = {(const char *)data, size}, rest = in;
    struct wire_frame f;
    int64_t len;
    while ((len = wire_frame_read(rest, 131072, &f)) > 0) {
        if ((size_t)len > rest.len || f.payload.len + WIRE_FRAME_EXTRA != (size_t)len)
            abort();
        lies_inside(f.payload, rest);
        look_properties(slice_skip(f.payload, 12));
        rest = slice_skip(rest, (size_t)len);
    }
    look_table(in);
    look_properties(in);
    look_uri(in);
    return 0;
}

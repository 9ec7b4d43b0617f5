/* amqp_link_fuzz: any bytes from a broker, after its greeting or in place of it, while messages are published and
 * consumed: whatever comes, each message is settled at most once, all is given back, and the end is reached. */
#include "../unit/plugins/common/rabbitmq_host.h"
#include <rabbitmq/consumer.h>
#include <rabbitmq/publisher.h>

#define MESSAGES 6u

static struct rabbit_config config = {.uri = "amqp://h:1", .reconnect_ns = SECOND_NS, .heartbeat_ns = 10 * SECOND_NS};
static struct rabbit_link *link_;
static struct rabbit_publisher *publisher;
static struct rabbit_consumer *consumer;
static struct trb_call call = {.size = sizeof call, .host = &host};
static struct rabbit_delivery *held[64];
static uint32_t held_count, settled[MESSAGES];

static void on_up(void *arg)
{
    rabbit_publisher_flush(publisher);
    if (consumer)
        rabbit_consumer_begin(consumer);
}

static void on_down(void *arg, const struct trb_error *err, bool was_up)
{
    if (!was_up)
        rabbit_publisher_missed(publisher, err);
}

static void on_room(void *arg)
{
    rabbit_publisher_flush(publisher);
}

static void declare(void *arg, struct rabbit_channel *c, struct trb_slice exchange)
{
    rabbit_exchange_declare(c, exchange, "fanout", 0);
}

static void describe(void *arg, const struct rabbit_wish *w, struct text *scratch, struct rabbit_message *m)
{
    m->data = (struct trb_data){"x", 1, NULL};
}

static void on_settled(struct rabbit_wish *w, const struct trb_error *err)
{
    check(!settled[w->index]++);
}

static void consume(void *arg, struct rabbit_channel *c, rabbit_then *consuming)
{
    rabbit_consume(c, SLICE("q"), SLICE("tag"), false, false, consuming);
}

static uint32_t emit(void *arg, struct rabbit_delivery *d)
{
    check(d->body && buf_bytes(d->body).len == d->len);
    held[held_count++] = d;
    return countof(held) - held_count;
}

static void on_over(void *arg)
{
    consumer = NULL;
}

static void begin(void)
{
    struct trb_error err = {0};
    host_begin();
    held_count = 0;
    memset(settled, 0, sizeof settled);
    check(!rabbit_config_check(&config, &err));
    struct rabbit_link_setup l = {.host = &host, .config = &config, .up = on_up, .down = on_down, .room = on_room};
    link_ = rabbit_link_create(&l);
    struct rabbit_publisher_setup p = {.host = &host, .link = link_, .exchange = SLICE("ex"), .is_confirmed = true,
                                       .is_mandatory = true, .declare = declare, .describe = describe};
    publisher = rabbit_publisher_create(&p);
    struct rabbit_consumer_setup c = {.host = &host, .link = link_, .call = &call, .what = "it", .tag = "tag",
                                      .pause_ns = SECOND_NS, .declare = consume, .emit = emit, .over = on_over};
    consumer = rabbit_consumer_create(&c);
    for (uint32_t n = 0; n < MESSAGES; n++) {
        struct rabbit_wish w = {.settled = on_settled, .call = &settled[n], .index = n};
        rabbit_publisher_add(publisher, &w);
    }
}

static void settle_held(uint32_t verdict)
{
    while (held_count)
        rabbit_consumer_settle(held[--held_count], verdict, true);
}

static void end(void)
{
    struct trb_error err = {0};
    link_ = rabbit_link_destroy(link_);
    if (consumer)
        rabbit_consumer_cancel(consumer);
    settle_held(TRB_HELD);
    check(!consumer);
    publisher = rabbit_publisher_destroy(publisher, &err);
    for (uint32_t n = 0; n < MESSAGES; n++)
        check(settled[n] == 1);
    rabbit_config_fini(&config);
    host_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trb_slice in = slice_from((const char *)data, size);
    uint8_t ways = size ? data[0] : 0;
    begin();
    if (ways & 1)
        greet();
    else
        stream->events.connected(stream->arg);
    in = slice_skip(in, 1);
    struct trb_slice half = slice_cut(in, in.len / 2);
    no_buffers = ways >> 1 & 1;
    feed(half);
    settle_held(ways & 4 ? TRB_ACK : TRB_RETRY);
    no_buffers = 0;
    if (stream)
        feed(slice_skip(in, half.len));
    if (consumer && ways & 8)
        rabbit_consumer_cancel(consumer);
    pass((ways >> 4) * SECOND_NS);
    rabbit_publisher_tick(publisher);
    end();
    return 0;
}

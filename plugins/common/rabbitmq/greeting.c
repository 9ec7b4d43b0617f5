/* greeting: see greeting.h. */
#include <base/mem.h>
#include <base/check.h>
#include <base/slice.h>
#include <rabbitmq/greeting.h>

static void put_capabilities(struct text *t)
{
    static const char *const ours[] = {"authentication_failure_close", "basic.nack", "connection.blocked",
                                       "consumer_cancel_notify", "publisher_confirms"};
    wire_put_short(t, SLICE("capabilities"));
    text_addc(t, 'F');
    size_t begun = wire_table_begin(t);
    for (size_t i = 0; i < countof(ours); i++)
        wire_put_bool(t, ours[i], true);
    wire_table_end(t, begun);
}

static void put_who_we_are(struct text *t, const struct rabbit_config *c)
{
    size_t begun = wire_table_begin(t);
    wire_put_text(t, "product", SLICE("trilby"));
    wire_put_text(t, "platform", SLICE("C"));
    if (c->client_name)
        wire_put_text(t, "connection_name", slice_of(c->client_name));
    put_capabilities(t);
    wire_table_end(t, begun);
}

static void put_account(struct text *t, const struct rabbit_config *c)
{
    size_t user = strlen(c->user), secret = strlen(c->secret);
    wire_put(t, c->sasl_external ? 0 : user + secret + 2, 4);
    if (c->sasl_external)
        return;
    text_addc(t, 0);
    text_adds(t, c->user);
    text_addc(t, 0);
    text_adds(t, c->secret);
}

/* Mechanisms are words with blanks between. */
static bool has_word(struct trb_slice words, struct trb_slice word)
{
    while (words.at)
        if (slice_is(slice_split(&words, ' '), word))
            return true;
    return false;
}

const char *rabbit_greet_start(struct rabbit_link *l, struct wire *w)
{
    const struct rabbit_config *c = l->setup.config;
    struct trb_slice mechanism = c->sasl_external ? SLICE("EXTERNAL") : SLICE("PLAIN");
    uint64_t version = wire_number(w, 2);
    wire_long(w);
    struct trb_slice mechanisms = wire_long(w);
    wire_long(w);
    if (w->broken || version != 9)
        return "it does not speak AMQP 0-9-1";
    if (!has_word(mechanisms, mechanism))
        return c->sasl_external ? "it does not offer EXTERNAL authentication" : "it does not offer PLAIN authentication";
    size_t begun = rabbit_method_begin(l, 0, CONNECTION_START_OK);
    put_who_we_are(&l->out, c);
    wire_put_short(&l->out, mechanism);
    put_account(&l->out, c);
    wire_put_short(&l->out, SLICE("en_US"));
    rabbit_method_end(l, begun);
    mem_wipe(l->out.at, l->out.len);
    return NULL;
}

/* The lesser of both wishes; 0 is no wish. */
static uint32_t least(uint64_t theirs, uint64_t ours)
{
    return (uint32_t)(!theirs ? ours : !ours ? theirs : theirs < ours ? theirs : ours);
}

const char *rabbit_greet_tune(struct rabbit_link *l, struct wire *w)
{
    uint64_t ours = (uint64_t)l->setup.config->heartbeat_ns / 1000000000u;
    l->channel_max = least(wire_number(w, 2), RABBIT_CHANNEL_MAX);
    l->frame_max = least(wire_number(w, 4), RABBIT_FRAME_MAX);
    uint32_t heartbeat = ours ? least(wire_number(w, 2), ours) : 0;
    if (l->frame_max < 4096)
        return "it allows frames of less than 4096 bytes";
    l->pulse_ns = heartbeat;
    size_t begun = rabbit_method_begin(l, 0, CONNECTION_TUNE_OK);
    wire_put(&l->out, l->channel_max, 2);
    wire_put(&l->out, l->frame_max, 4);
    wire_put(&l->out, heartbeat, 2);
    rabbit_method_end(l, begun);
    begun = rabbit_method_begin(l, 0, CONNECTION_OPEN);
    wire_put_short(&l->out, slice_of(l->setup.config->vhost));
    wire_put_short(&l->out, SLICE(""));
    wire_put(&l->out, 0, 1);
    rabbit_method_end(l, begun);
    return NULL;
}

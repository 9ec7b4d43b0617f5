/* metadata: see metadata.h. */
#include <base/check.h>
#include <base/clock.h>
#include <base/slice.h>
#include <inttypes.h>
#include <rabbitmq/metadata.h>
#include <trilby/inline.h>

static const char *const sent_names[] = {"routingKey", "contentType", "messageID", "correlationID", "type"};

const char *rabbit_metadata_fault(const struct trb_pairs *metadata)
{
    for (size_t i = 0; i < countof(sent_names); i++)
        if (trb_pair_get(metadata, sent_names[i]).len > WIRE_SHORT)
            return "routingKey, contentType, messageID, correlationID and type have at most 255 bytes each";
    return NULL;
}

static struct trb_slice sent(const struct trb_pairs *metadata, const char *name)
{
    struct trb_slice value = slice_name(trb_pair_get(metadata, name));
    return value.len ? value : (struct trb_slice){NULL, 0};
}

/* ttlInSeconds, or ttl as a duration or a number of seconds. False: none, or one that makes no sense. */
static bool read_ttl(const struct rabbit_metadata_setup *setup, const struct trb_pairs *metadata, int64_t *ret_ns)
{
    struct trb_slice seconds = slice_name(trb_pair_get(metadata, "ttlInSeconds"));
    struct trb_slice text = seconds.len ? seconds : slice_name(trb_pair_get(metadata, "ttl"));
    int64_t number;
    if (!text.len)
        return false;
    if (slice_to_i64(text, &number) && number > 0 && number < INT64_MAX / (int64_t)CLOCK_S) {
        *ret_ns = number * (int64_t)CLOCK_S;
        return true;
    }
    if (!seconds.len && clock_parse_duration(text, &number) && number > 0) {
        *ret_ns = number;
        return true;
    }
    trb_log(setup->host, setup->origin, TRB_LOG_WARN, "a message's time to live is no number of seconds above 0 and has no effect: %.*s",
            SLICE_ARG(slice_cut(text, 40)));
    return false;
}

static void read_priority(const struct rabbit_metadata_setup *setup, const struct trb_pairs *metadata, struct rabbit_properties *p)
{
    struct trb_slice text = slice_name(trb_pair_get(metadata, "priority"));
    int64_t number;
    if (!text.len)
        return;
    if (slice_to_i64(text, &number))
        p->priority = number < 0 ? 0 : number > 255 ? 255 : (int32_t)number;
    else
        trb_log(setup->host, setup->origin, TRB_LOG_WARN, "a message's priority is no number and has no effect: %.*s",
                SLICE_ARG(slice_cut(text, 40)));
}

void rabbit_metadata_properties(const struct rabbit_metadata_setup *setup, const struct trb_pairs *metadata,
                                struct text *scratch, struct rabbit_properties *ret_properties)
{
    struct rabbit_properties p = RABBIT_NO_PROPERTIES;
    int64_t ttl = setup->ttl_ns;
    p.content_type = sent(metadata, "contentType");
    if (!p.content_type.len)
        p.content_type = SLICE("text/plain");
    p.message_id = sent(metadata, "messageID");
    p.correlation_id = sent(metadata, "correlationID");
    p.type = sent(metadata, "type");
    read_priority(setup, metadata, &p);
    if (setup->delivery_mode)
        p.delivery_mode = (int32_t)setup->delivery_mode;
    if (read_ttl(setup, metadata, &ttl) || ttl > 0) {
        text_addf(scratch, "%" PRId64, ttl / (int64_t)CLOCK_MS);
        p.expiration = text_slice(scratch);
    }
    *ret_properties = p;
}

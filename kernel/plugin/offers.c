/* offers: a short list, the first of a type wins. */
#include <base/check.h>
#include <base/log.h>
#include <base/mem.h>
#include <base/slice.h>
#include <plugin/instance.h>
#include <plugin/offers.h>
#include <string.h>

#define MAX_OFFERS 10000u

static struct offer *offers;
static uint32_t count, room;

const struct offer *offers_find(struct trb_slice type)
{
    for (uint32_t i = 0; i < count; i++)
        if (slice_is_nocase(slice_of(offers[i].type), type))
            return &offers[i];
    return NULL;
}

static char *keep(struct trb_slice text)
{
    return mem_text(text.at, text.len);
}

static void add(const struct instance *i, const struct trb_offer *o)
{
    const char *file = i->plugin->file;
    if (count == room)
        offers = mem_grow(offers, (room = room ? 2 * room : 16) * sizeof *offers);
    offers[count++] = (struct offer){keep(o->type), keep(slice_of(o->as)), keep(slice_from(file, strlen(file) - 3))};
}

static void offer(const struct trb_origin *origin, const struct trb_offer *o)
{
    check(origin && origin->magic == ORIGIN_MAGIC && loop_self() == loop_at(0));
    if (count == MAX_OFFERS)
        log_warn("dapr.runtime", "%s offers more types than are taken; %.*s is left out", origin->instance->type,
                 SLICE_ARG(o->type));
    else if (!offers_find(o->type))
        add(origin->instance, o);
}

void offers_clear(void)
{
    for (uint32_t i = 0; i < count; i++) {
        mem_free(offers[i].type);
        mem_free(offers[i].as);
        mem_free(offers[i].plugin);
    }
    offers = mem_free(offers);
    count = room = 0;
}

const struct trb_offers_service offers_service = {.size = sizeof offers_service, .offer = offer};

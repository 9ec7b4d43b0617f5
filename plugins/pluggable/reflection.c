/* reflection: see reflection.h. */
#include "reflection.h"
#include <base/check.h>
#include <base/slice.h>
#include <wire/wire.h>

#define ASK_LIST 7u
#define ANSWER_LIST 6u
#define ANSWER_ERROR 7u
#define LIST_SERVICE 1u
#define SERVICE_NAME 1u

void reflection_write(struct text *to)
{
    wire_put_bytes_always(to, ASK_LIST, SLICE("*"));
}

static uint32_t service_of(struct trb_slice name)
{
    static const struct {
        struct trb_slice name;
        uint32_t bit;
    } all[] = {{{"StateStore", 10}, REFLECTION_STATE},      {{"PubSub", 6}, REFLECTION_PUBSUB},
               {{"InputBinding", 12}, REFLECTION_INPUT},    {{"OutputBinding", 13}, REFLECTION_OUTPUT},
               {{"SecretStore", 11}, REFLECTION_SECRETS}};
    static const struct trb_slice package = {"dapr.proto.components.v1.", 25};
    for (size_t i = 0; i < countof(all); i++)
        if (slice_starts(name, package) && slice_is(slice_skip(name, package.len), all[i].name))
            return all[i].bit;
    return 0;
}

static bool read_service(struct trb_slice service, uint32_t *services)
{
    struct wire_reader r = wire_read(service);
    struct wire_field f;
    while (wire_next(&r, &f))
        if (f.number == SERVICE_NAME && f.type == WIRE_BYTES)
            *services |= service_of(f.bytes);
    return !r.broken;
}

static bool read_list(struct trb_slice list, uint32_t *services)
{
    struct wire_reader r = wire_read(list);
    struct wire_field f;
    while (wire_next(&r, &f))
        if (f.number == LIST_SERVICE && (f.type != WIRE_BYTES || !read_service(f.bytes, services)))
            return false;
    return !r.broken;
}

const char *reflection_read(struct trb_slice answer, uint32_t *ret_services)
{
    struct wire_reader r = wire_read(answer);
    struct wire_field f;
    uint32_t services = 0;
    bool has_list = false;
    while (wire_next(&r, &f)) {
        if (f.number == ANSWER_ERROR)
            return "server reflection answered with an error";
        if (f.number == ANSWER_LIST && (f.type != WIRE_BYTES || !read_list(f.bytes, &services)))
            return "its list of services cannot be read";
        has_list = has_list || f.number == ANSWER_LIST;
    }
    if (r.broken || !has_list)
        return "server reflection answered without a list of services";
    *ret_services = services;
    return NULL;
}

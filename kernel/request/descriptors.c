/* descriptors: walks a FileDescriptorSet (descriptor.proto's field numbers) in place. */
#include <base/slice.h>
#include <request/descriptors.h>
#include <wire/wire.h>

#define SET_FILE 1u
#define FILE_NAME 1u
#define FILE_PACKAGE 2u
#define FILE_IMPORT 3u
#define FILE_MESSAGE 4u
#define FILE_ENUM 5u
#define FILE_SERVICE 6u
#define OWN_NAME 1u          /* of a message, enum, service, method */
#define MESSAGE_NESTED 3u
#define MESSAGE_ENUM 4u
#define SERVICE_METHOD 2u
#define MOST_FILES 64u

static struct trb_slice field_of(struct trb_slice message, uint32_t number)
{
    struct wire_reader r = wire_read(message);
    struct wire_field f;
    while (wire_next(&r, &f))
        if (f.number == number && f.type == WIRE_BYTES)
            return f.bytes;
    return SLICE("");
}

struct trb_slice descriptors_by_name(struct trb_slice set, struct trb_slice file_name)
{
    struct wire_reader r = wire_read(set);
    struct wire_field f;
    while (wire_next(&r, &f))
        if (f.number == SET_FILE && slice_is(field_of(f.bytes, FILE_NAME), file_name))
            return f.bytes;
    return (struct trb_slice){NULL, 0};
}

/* Is rest the name of this element, or "name.something" with something inside it? */
static bool is_in(struct trb_slice element, struct trb_slice rest, bool is_message)
{
    struct trb_slice head = slice_split(&rest, '.');
    if (!slice_is(field_of(element, OWN_NAME), head))
        return false;
    if (!rest.at)
        return true;
    struct wire_reader r = wire_read(element);
    struct wire_field f;
    while (wire_next(&r, &f)) {
        bool is_nested = is_message && (f.number == MESSAGE_NESTED || f.number == MESSAGE_ENUM);
        bool is_method = !is_message && f.number == SERVICE_METHOD;
        if (f.type == WIRE_BYTES && (is_nested || is_method) &&
            is_in(f.bytes, rest, is_nested && f.number == MESSAGE_NESTED))
            return true;
    }
    return false;
}

static bool declares(struct trb_slice file, struct trb_slice symbol)
{
    struct trb_slice package = field_of(file, FILE_PACKAGE);
    struct wire_reader r = wire_read(file);
    struct wire_field f;
    if (package.len) {
        if (symbol.len <= package.len || !slice_starts(symbol, package) || symbol.at[package.len] != '.')
            return false;
        symbol = slice_skip(symbol, package.len + 1);
    }
    while (wire_next(&r, &f))
        if (f.type == WIRE_BYTES && f.number >= FILE_MESSAGE && f.number <= FILE_SERVICE &&
            is_in(f.bytes, symbol, f.number == FILE_MESSAGE))
            return true;
    return false;
}

struct trb_slice descriptors_by_symbol(struct trb_slice set, struct trb_slice symbol)
{
    struct wire_reader r = wire_read(set);
    struct wire_field f;
    if (symbol.len && symbol.at[0] == '.')
        symbol = slice_skip(symbol, 1);
    while (wire_next(&r, &f))
        if (f.number == SET_FILE && f.type == WIRE_BYTES && declares(f.bytes, symbol))
            return f.bytes;
    return (struct trb_slice){NULL, 0};
}

struct told {
    struct trb_slice files[MOST_FILES];
    uint32_t count;
};

static bool tell(struct told *told, struct trb_slice file)
{
    for (uint32_t i = 0; i < told->count; i++)
        if (told->files[i].at == file.at)
            return false;
    if (!file.at || told->count == MOST_FILES)
        return false;
    told->files[told->count++] = file;
    return true;
}

void descriptors_with_imports(struct trb_slice set, struct trb_slice file,
                              void (*give)(void *, struct trb_slice), void *arg)
{
    struct told told = {.count = 0};
    tell(&told, file);
    for (uint32_t i = 0; i < told.count; i++) {
        struct wire_reader r = wire_read(told.files[i]);
        struct wire_field f;
        give(arg, told.files[i]);
        while (wire_next(&r, &f))
            if (f.number == FILE_IMPORT && f.type == WIRE_BYTES)
                tell(&told, descriptors_by_name(set, f.bytes));
    }
}

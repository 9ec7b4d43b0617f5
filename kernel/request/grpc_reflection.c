/* grpc_reflection: one question, one answer, as often as the client likes. */
#include <base/error.h>
#include <base/slice.h>
#include <request/descriptors.h>
#include <request/grpc_private.h>
#include <request/grpc_reflection.h>
#include <wire/wire.h>

/* ServerReflectionRequest */
#define ASK_HOST 1u
#define ASK_FILE 3u
#define ASK_SYMBOL 4u
#define ASK_EXTENSION 5u
#define ASK_EXTENSION_NUMBERS 6u
#define ASK_SERVICES 7u
/* ServerReflectionResponse */
#define SAY_HOST 1u
#define SAY_QUESTION 2u
#define SAY_FILES 4u
#define SAY_SERVICES 6u
#define SAY_ERROR 7u

static struct trb_slice descriptors;

void reflection_set_descriptors(struct trb_slice file_descriptor_set)
{
    descriptors = file_descriptor_set;
}

static void add_file(void *arg, struct trb_slice file)
{
    wire_put_bytes_always(arg, 1, file);
}

static void say_error(struct text *out, trb_code code, struct trb_slice text)
{
    size_t mark = wire_begin(out, SAY_ERROR);
    wire_put_uint(out, 1, (uint64_t)code);
    wire_put_bytes(out, 2, text);
    wire_end(out, mark);
}

static void say_file(struct text *out, struct trb_slice file, const char *kind, struct trb_slice name)
{
    struct text why = {0};
    if (file.at) {
        size_t mark = wire_begin(out, SAY_FILES);
        descriptors_with_imports(descriptors, file, add_file, out);
        wire_end(out, mark);
        return;
    }
    text_addf(&why, "%s not found: %.*s", kind, SLICE_ARG(name));
    say_error(out, TRB_NOT_FOUND, text_slice(&why));
    text_fini(&why);
}

static void say_services(struct text *out, const struct grpc_table *table)
{
    size_t mark = wire_begin(out, SAY_SERVICES);
    const char *name;
    for (uint32_t i = 0; (name = grpc_table_service(table, i)); i++) {
        size_t one = wire_begin(out, 1);
        wire_put_bytes(out, 1, slice_of(name));
        wire_end(out, one);
    }
    wire_end(out, mark);
}

static bool read_question(struct trb_slice message, struct wire_field *ret_asked, struct trb_slice *ret_host)
{
    struct wire_reader r = wire_read(message);
    struct wire_field f;
    *ret_asked = (struct wire_field){.bytes = SLICE("")};
    *ret_host = SLICE("");
    while (wire_next(&r, &f)) {
        if (f.type != WIRE_BYTES)
            continue;
        if (f.number == ASK_HOST)
            *ret_host = f.bytes;
        else if (f.number >= ASK_FILE && f.number <= ASK_SERVICES)
            *ret_asked = f;
    }
    return !r.broken;
}

static void answer(struct text *out, const struct grpc_table *table, const struct wire_field *asked)
{
    switch (asked->number) {
    case ASK_FILE:
        return say_file(out, descriptors_by_name(descriptors, asked->bytes), "File", asked->bytes);
    case ASK_SYMBOL:
        return say_file(out, descriptors_by_symbol(descriptors, asked->bytes), "Symbol", asked->bytes);
    case ASK_SERVICES:
        return say_services(out, table);
    case ASK_EXTENSION:
    case ASK_EXTENSION_NUMBERS:
        return say_error(out, TRB_NOT_FOUND, SLICE("there are no extensions"));
    default:
        return say_error(out, TRB_INVALID, SLICE("the question is empty"));
    }
}

/* A short question may have a long answer: who does not read them may not ask on. */
static bool is_greedy(struct grpc_stream *s)
{
    struct trb_error err = ERROR_INIT;
    if (!grpc_stream_owner(s))
        return false;
    error_set(&err, TRB_EXHAUSTED, "", "reflection: read the answers before asking more");
    grpc_finish(s, &err);
    return true;
}

static void send(struct grpc_stream *s, struct trb_slice answer)
{
    bool has_room = grpc_send_message(s, (struct trb_data){answer.at, answer.len, NULL});
    grpc_stream_set_owner(s, has_room ? NULL : s);
}

static void on_room(struct grpc_stream *s)
{
    grpc_stream_set_owner(s, NULL);
}

static void on_message(struct grpc_stream *s, struct trb_data message)
{
    struct trb_slice question = slice_from(message.at, message.len), host;
    struct trb_error err = ERROR_INIT;
    struct wire_field asked;
    struct text out = {0};
    if (is_greedy(s))
        return;
    if (!read_question(question, &asked, &host)) {
        error_set(&err, TRB_INTERNAL, "",
                  "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data");
        grpc_finish(s, &err);
        return;
    }
    wire_put_bytes(&out, SAY_HOST, host);
    wire_put_bytes_always(&out, SAY_QUESTION, question);
    answer(&out, s->table, &asked);
    grpc_consume(s, message.len);
    send(s, text_slice(&out));
    text_fini(&out);
}

static void on_open(struct grpc_stream *s)
{
}

static void on_half_close(struct grpc_stream *s)
{
    grpc_finish(s, NULL);
}

const struct grpc_service_handler *reflection_handlers(uint32_t *ret_count)
{
    static const struct grpc_service_handler handlers[] = {
        {"grpc.reflection.v1.ServerReflection", "ServerReflectionInfo", on_open, on_message, on_half_close, on_room, NULL,
         GRPC_ALWAYS, NULL},
        {"grpc.reflection.v1alpha.ServerReflection", "ServerReflectionInfo", on_open, on_message, on_half_close, on_room,
         NULL, GRPC_ALWAYS, NULL},
    };
    *ret_count = 2;
    return handlers;
}

/* grpc_words: failures of a connection, and answers that are no gRPC, in the words of the library that most
 * callers know. */
#include <base/error.h>
#include <base/slice.h>
#include <base/text.h>
#include <channel/outgoing.h>

static void quote(struct trb_error *err, const char *lead, struct trb_slice said)
{
    struct text inner = {0}, whole = {0};
    text_adds(&inner, lead);
    text_add(&inner, said);
    text_adds(&whole, "connection error: desc = ");
    text_add_quoted(&whole, text_slice(&inner));
    error_set(err, TRB_UNAVAILABLE, "CONNECTION", "%s", whole.at);
    text_fini(&inner);
    text_fini(&whole);
}

static bool is_handshake(struct trb_slice said)
{
    return slice_starts(said, SLICE("tls: ")) || slice_starts(said, SLICE("remote error: tls")) ||
           slice_starts(said, SLICE("net/http: TLS"));
}

/* A reset has said its code; whoever gave up, and whatever broke the rules, is named already. */
static bool is_named(const struct trb_error *err)
{
    return !strcmp(err->reason, "STREAM_RESET") || (err->code != TRB_UNAVAILABLE && err->code != TRB_UNKNOWN);
}

void grpc_word_failure(struct trb_error *err)
{
    struct trb_error was = *err;
    struct trb_slice said = slice_of(was.message);
    if (is_named(err))
        return;
    if (slice_starts(said, SLICE("dial ")))
        quote(err, "transport: Error while dialing: ", said);
    else if (slice_starts(said, SLICE("error reading server preface: ")))
        quote(err, "", said);
    else if (is_handshake(said))
        quote(err, "transport: authentication handshake failed: ", said);
    else if (slice_is(said, SLICE("http: server closed idle connection")))
        error_set(err, TRB_UNAVAILABLE, "CONNECTION", "error reading from server: EOF");
    else
        error_prefix(err, "error reading from server: ");
    err->retryable = was.retryable;
}

/* An answer that is not gRPC's: what its status means, and what it is instead. */
trb_code grpc_word_foreign(struct arena *arena, int status, const struct http_headers *headers, struct trb_error *err)
{
    static const struct http_headers none;
    struct trb_slice type = http_header_get(headers, SLICE("content-type"));
    bool is_grpc = grpc_is_content_type(type);
    struct text words = {0};
    if (status == 200 && is_grpc)
        return TRB_OK;
    trb_code code = status == 200 ? TRB_UNKNOWN : grpc_status_read(arena, status, &none, NULL);
    if (status != 200)
        text_addf(&words, "unexpected HTTP status code received from server: %d (%s)", status, http_reason(status));
    if (!is_grpc && words.len)
        text_adds(&words, "; ");
    if (!type.at)
        text_adds(&words, "malformed header: missing HTTP content-type");
    else if (!is_grpc)
        text_addf(&words, "transport: received unexpected content-type \"%.*s\"", SLICE_ARG(type));
    error_set(err, code, "GRPC_FOREIGN", "%s", words.at);
    text_fini(&words);
    return code;
}

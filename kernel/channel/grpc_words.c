/* grpc_words: failures of a connection, in the words of the library that most callers know. */
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

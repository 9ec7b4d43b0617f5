/* trace: W3C trace context and baggage, ids and the sampling decision. No spans, no exporters. [any]
 *
 * Facts: http-api.md 2.10, grpc-api.md 1.7. */
#ifndef OBSERVE_TRACE_H
#define OBSERVE_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <trilby/types.h>

#define TRACE_PARENT_LEN 55
#define TRACE_BIN_LEN 29
#define TRACE_SAMPLED 1u

/* All zero: no trace. Then its text is the all-zero value that the contract asks for. */
struct trace_context {
    uint8_t trace_id[16], span_id[8];
    uint8_t flags;
};

struct trace_setup {
    bool is_on;          /* false: rate "0"; nothing is read, nothing is added */
    bool has_provider;   /* an exporter or an explicit rate: new span ids, new traces */
    double rate;         /* of new traces; a parent's decision wins */
};

bool trace_is_valid(const struct trace_context *);
bool trace_parse(struct trb_slice traceparent, struct trace_context *ret_context);
/* How the context of no trace is spelled. */
#define TRACE_NONE "00-00000000000000000000000000000000-0000000000000000-00"
void trace_text(const struct trace_context *, char ret_text[TRACE_PARENT_LEN + 1]);
bool trace_parse_bin(struct trb_slice bytes, struct trace_context *ret_context);  /* grpc-trace-bin */
void trace_bin(const struct trace_context *, char ret_bytes[TRACE_BIN_LEN]);

/* What this process says after parent (NULL or invalid: none came): the parent itself without a
 * provider, else a span of its own with the parent's decision, or a new trace. */
struct trace_context trace_begin(const struct trace_setup *, const struct trace_context *parent);
void trace_new_span(struct trace_context *);     /* a span id of its own, same trace */

/* NULL: valid. Else the text behind "invalid baggage header: ", written into room. */
const char *trace_baggage_fault(struct trb_slice baggage, char room[256]);

#endif

/* trace: see trace.h. The binary form is 00 00 <16 bytes: trace> 01 <8: span> 02 <1: flags>. */
#include "trace.h"
#include <base/codec.h>
#include <base/slice.h>
#include <stdio.h>

#define BINARY 29
#define TRACE_AT 2                         /* where the parts begin */
#define SPAN_AT 19
#define FLAGS_AT 28

bool trace_to_binary(struct trb_slice text, char ret_base64[TRACE_BASE64 + 1])
{
    char bytes[BINARY] = {0};
    bytes[SPAN_AT - 1] = 1;
    bytes[FLAGS_AT - 1] = 2;
    if (text.len != TRACE_TEXT || text.at[2] != '-' || text.at[35] != '-' || text.at[52] != '-' ||
        !hex_decode(slice_from(text.at + 3, 32), bytes + TRACE_AT) || !hex_decode(slice_from(text.at + 36, 16), bytes + SPAN_AT) ||
        !hex_decode(slice_from(text.at + 53, 2), bytes + FLAGS_AT))
        return false;
    ret_base64[base64_encode(slice_from(bytes, BINARY), false, ret_base64)] = '\0';
    return true;
}

bool trace_from_binary(struct trb_slice base64, char ret_traceparent[TRACE_TEXT + 1])
{
    char bytes[BINARY + 3], trace[33] = "", span[17] = "";
    size_t len = 0;
    if (base64.len < TRACE_BASE64 || base64.len > TRACE_BASE64 + 1 || !base64_decode(base64, true, bytes, &len, NULL) ||
        len != BINARY || bytes[0] || bytes[1] || bytes[SPAN_AT - 1] != 1 || bytes[FLAGS_AT - 1] != 2)
        return false;
    hex_encode(slice_from(bytes + TRACE_AT, 16), trace);
    hex_encode(slice_from(bytes + SPAN_AT, 8), span);
    snprintf(ret_traceparent, TRACE_TEXT + 1, "00-%.32s-%.16s-%02x", trace, span, (unsigned char)bytes[FLAGS_AT]);
    return true;
}

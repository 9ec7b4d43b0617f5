/* Any text as grpc-timeout: what is taken is said again as at least the same time and hardly more; what is not is told
 * in a sentence that shows it. */
#include <base/check.h>
#include <base/error.h>
#include <base/slice.h>
#include <net/grpc.h>
#include <string.h>

static void taken(struct trb_slice text, uint64_t ns)
{
    char again[16];
    uint64_t same;
    check(text.len >= 2 && text.len <= 9 && strchr("HMSmun", text.at[text.len - 1]));
    for (size_t i = 0; i + 1 < text.len; i++)
        check(text.at[i] >= '0' && text.at[i] <= '9');
    size_t len = grpc_timeout_text(ns, again);
    check(len >= 2 && len <= 9 && grpc_timeout_parse(slice_from(again, len), &same, NULL) == TRB_OK);
    check(same >= ns && same - ns <= ns / 1000 + 1);
}

static void refused(const struct trb_error *err)
{
    check(err->code == TRB_INTERNAL);
    check(slice_starts(error_text(err), SLICE("malformed grpc-timeout: transport: ")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trb_slice text = {(const char *)data, size};
    struct trb_error err = ERROR_INIT;
    uint64_t ns = 1;
    if (grpc_timeout_parse(text, &ns, &err))
        refused(&err);
    else
        taken(text, ns);
    error_release(&err);
    return 0;
}

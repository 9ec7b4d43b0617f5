/* Isolation: any bytes from the other process as frames, and their bodies as every question and every answer
 * of every block. What is taken for a value can be written down again and read as the same; all of it can be
 * touched. */
#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <isolate/frame.h>
#include <isolate/wire.h>
#include <isolate/words.h>
#include <plugin/copy.h>

static void judge(const struct trb_layout *layout, struct trb_slice bytes)
{
    struct trb_buf *owner = buf_copy(bytes);
    struct trb_slice rest = buf_bytes(owner);
    void *value = wire_take(layout, &rest, owner, true);
    if (!value) {
        buf_unref(owner);
        return;
    }
    size_t len = wire_measure(layout, value, layout->size);
    char *written = mem_alloc(len + 1), *again = mem_alloc(len + 1);
    check(wire_put(layout, value, layout->size, written) == written + len);
    struct trb_slice second = {written, len};
    void *same = wire_take(layout, &second, NULL, false);
    check(same && !second.len && wire_measure(layout, same, layout->size) == len);
    wire_put(layout, same, layout->size, again);
    check(!memcmp(written, again, len));
    mem_free(same);
    copy_release(layout, value, false);
    mem_free(value);
    buf_unref(owner);
    mem_free(written);
    mem_free(again);
}

static void judge_all(struct trb_slice body)
{
    struct trb_error err;
    const struct words *w;
    for (uint32_t b = 0; (w = words_at(b)); b++)
        for (uint32_t i = 0; i < w->verb_count; i++) {
            judge(w->verbs[i].question, body);
            judge(w->verbs[i].answer, body);
        }
    judge(layout_setup, body);
    judge(layout_settlement, body);
    if (frame_take_error(&body, &err)) {
        check(strlen(err.reason) < sizeof err.reason && strlen(err.message) < sizeof err.message);
        error_release(&err);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len);
int LLVMFuzzerTestOneInput(const uint8_t *at, size_t len)
{
    struct trb_slice bytes = {(const char *)at, len};
    struct frame f;
    size_t whole;
    while (frame_read(bytes, &f, &whole) == FRAME_WHOLE) {
        judge_all(f.body);
        bytes = slice_skip(bytes, whole);
    }
    judge_all(bytes);
    return 0;
}

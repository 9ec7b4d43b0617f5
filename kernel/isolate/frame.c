/* frame: heads, bounds, and errors as values. */
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>
#include <isolate/frame.h>
#include <isolate/wire.h>
#include <stdio.h>

#define TRB_DEF <isolate/frames.def>
#define TRB_OPS struct trb_nothing
#include <trilby/verbs_layout.h>

_Static_assert(sizeof trb_verbs_ == 0, "frames are no verbs");

const struct trb_layout *const layout_setup = &trb_layout_isolate_setup;
const struct trb_layout *const layout_error = &trb_layout_isolate_error;
const struct trb_layout *const layout_settlement = &trb_layout_isolate_settlement;

#define IN_PLACE 4096u                     /* a smaller body is read where it lies */
#define BY_REFERENCE 16384u                /* a larger frame is a buffer of its own */

/* -------------------------------------------------------------------------------------- sending */
static void fill(char *to, const struct frame_head *head, const struct frame_part *parts, uint32_t count)
{
    memcpy(to, head, sizeof *head);
    to += sizeof *head;
    for (uint32_t i = 0; i < count; i++)
        to = wire_put(parts[i].layout, parts[i].value, parts[i].size, to);
}

static void send_large(struct stream *s, size_t whole, const struct frame_head *head, const struct frame_part *parts,
                       uint32_t count)
{
    char *bytes;
    struct trb_buf *b = buf_new(whole, &bytes);
    fill(bytes, head, parts, count);
    stream_write_buf(s, buf_data(b));
    buf_unref(b);
}

bool frame_send(struct stream *s, struct frame_head head, const struct frame_part *parts, uint32_t count)
{
    size_t len = 0;
    for (uint32_t i = 0; i < count; i++)
        len += wire_measure(parts[i].layout, parts[i].value, parts[i].size);
    if (len > FRAME_MOST)
        return false;
    head.len = (uint32_t)len;
    if (sizeof head + len > BY_REFERENCE) {
        send_large(s, sizeof head + len, &head, parts, count);
    } else {
        fill(stream_room(s, sizeof head + len), &head, parts, count);
        stream_wrote(s, sizeof head + len);
    }
    return true;
}

/* ------------------------------------------------------------------------------------ receiving */
int frame_read(struct trb_slice bytes, struct frame *ret_frame, size_t *ret_whole)
{
    struct frame_head head;
    if (bytes.len < sizeof head)
        return *ret_whole = sizeof head, FRAME_NONE;
    memcpy(&head, bytes.at, sizeof head);
    if (head.len > FRAME_MOST || !head.kind || head.kind >= FRAME_KINDS)
        return FRAME_BAD;
    *ret_whole = sizeof head + head.len;
    if (bytes.len < *ret_whole)
        return FRAME_NONE;
    *ret_frame = (struct frame){.head = head, .body = {bytes.at + sizeof head, head.len}};
    return FRAME_WHOLE;
}

int frame_next(struct stream *s, struct frame *ret_frame)
{
    size_t whole = 0;
    int result = frame_read(stream_bytes(s), ret_frame, &whole);
    if (result == FRAME_NONE)
        stream_read_limit(s, whole > 65536 ? whole : 65536);
    if (result != FRAME_WHOLE || ret_frame->head.len < IN_PLACE)
        return result;
    stream_consume(s, sizeof ret_frame->head);
    ret_frame->owner = stream_take(s, ret_frame->head.len);
    ret_frame->body = buf_bytes(ret_frame->owner);
    return result;
}

void frame_done(struct stream *s, struct frame *f)
{
    if (!f->owner)
        stream_consume(s, sizeof f->head + f->head.len);
    f->owner = buf_unref(f->owner);
}

/* --------------------------------------------------------------------------------------- errors */
void frame_error(const struct trb_error *err, struct trb_isolate_error *ret)
{
    *ret = (struct trb_isolate_error){
        .size = sizeof *ret, .code = (uint32_t)err->code, .retryable = err->retryable, .kind = err->kind,
        .http_status = err->http_status, .item = (uint32_t)(err->item + 1), .reason = slice_of(err->reason),
        .message = slice_of(err->message), .text = buf_bytes(err->text), .details = buf_bytes(err->details)};
}

static void keep_text(char *to, size_t room, struct trb_slice from)
{
    struct trb_slice cut = slice_cut(from, room - 1);
    if (cut.len)
        memcpy(to, cut.at, cut.len);
    to[cut.len] = 0;
}

void frame_error_of(const struct trb_isolate_error *from, struct trb_error *ret)
{
    *ret = (struct trb_error)ERROR_INIT;
    ret->code = from->code && from->code <= TRB_UNAUTHENTICATED ? (trb_code)from->code : TRB_UNKNOWN;
    ret->retryable = from->retryable != 0;
    ret->kind = from->kind;
    ret->http_status = from->http_status >= 200 && from->http_status < 600 ? from->http_status : 0;
    ret->item = from->item <= INT32_MAX ? (int32_t)from->item - 1 : -1;
    keep_text(ret->reason, sizeof ret->reason, from->reason);
    keep_text(ret->message, sizeof ret->message, from->message);
    ret->text = from->text.at ? buf_copy(from->text) : NULL;
    ret->details = from->details.at ? buf_copy(from->details) : NULL;
}

bool frame_take_error(struct trb_slice *body, struct trb_error *ret)
{
    struct trb_isolate_error *from = wire_take(layout_error, body, NULL, false);
    if (!from)
        return false;
    frame_error_of(from, ret);
    mem_free(from);
    return true;
}

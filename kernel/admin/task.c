/* task: a request comes in on its loop, is done on the main loop, and is answered on its own again. */
#include <admin/calls.h>
#include <admin/task.h>
#include <base/buf.h>
#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <base/slice.h>

#define TASK_MAGIC 0x4154534bu
#define MAX_BODY (1u << 20)

/* Two hold it: the exchange on its loop, and the verb on the main loop. */
struct admin_task {
    uint32_t magic;
    struct admin *admin;
    struct exchange *x;                    /* NULL: the client has gone */
    struct loop *loop;
    struct gather body;
    struct trb_buf *text;                  /* the body, gathered */
    struct admin_question question;
    char name_room[CALLS_NAME];
    const struct admin_call *call;
    bool is_asked, is_answered;
    struct trb_error err;
    struct text json;
    struct letter letter;
};

const char *task_version(const struct admin_task *t)
{
    return t->admin->version;
}

static void task_free(struct admin_task *t)
{
    gather_drop(&t->body);
    buf_unref(t->text);
    error_release(&t->err);
    text_fini(&t->json);
    t->magic = 0;
    mem_free(t);
}

/* -------------------------------------------------------------------------------- answering */
struct reply {
    int status;
    struct trb_slice allow;                /* absent: no such header */
};

static void reply(struct exchange *x, struct reply how, struct trb_slice json)
{
    struct http_head head = {.status = how.status};
    http_header_add(x->arena, &head.headers, SLICE("Content-Type"), SLICE("application/json"));
    http_header_add(x->arena, &head.headers, SLICE("Cache-Control"), SLICE("no-store"));
    if (how.allow.at)
        http_header_add(x->arena, &head.headers, SLICE("Allow"), how.allow);
    exchange_reply(x, &head, (struct trb_data){json.at, json.len, NULL});
    x->ops->release(x);
}

static void reply_error(struct exchange *x, struct reply how, const struct trb_error *err)
{
    struct text json = {0};
    text_adds(&json, "{\"errorCode\":");
    text_add_json(&json, slice_of(err->reason[0] ? err->reason : error_code_name(err->code)), true);
    text_adds(&json, ",\"message\":");
    text_add_json(&json, error_text(err), true);
    text_addc(&json, '}');
    reply(x, how, text_slice(&json));
    text_fini(&json);
}

static void refuse(struct exchange *x, struct reply how, const char *reason, const char *sentence)
{
    struct trb_error err = ERROR_INIT;
    error_set(&err, TRB_INVALID, reason, "%s", sentence);
    reply_error(x, how, &err);
}

/* A component's own failure may have any code. 401 and 403 are about who speaks, and are the guard's alone. */
static int status_of(trb_code code)
{
    switch (code) {
    case TRB_INVALID: return 400;
    case TRB_NOT_FOUND: return 404;
    case TRB_ABORTED: return 409;
    default: return 503;
    }
}

static void on_answer(struct letter *letter)
{
    struct admin_task *t = container_of(letter, struct admin_task, letter);
    if (t->x && t->err.code)
        reply_error(t->x, (struct reply){.status = status_of(t->err.code)}, &t->err);
    else if (t->x)
        reply(t->x, (struct reply){.status = 200}, text_slice(&t->json));
    task_free(t);
}

void admin_answer(struct admin_task *t, const struct trb_error *err, struct trb_slice json)
{
    check(t->magic == TASK_MAGIC && !t->is_answered);
    t->is_answered = true;
    if (err)
        error_set(&t->err, err->code ? err->code : TRB_UNKNOWN, err->reason, "%.*s", SLICE_ARG(error_text(err)));
    else
        text_add(&t->json, json);
    t->letter.deliver = on_answer;
    loop_post(t->loop, &t->letter);
}

/* ------------------------------------------------------------------------------- coming in */
static struct admin_task *task_of(struct exchange *x)
{
    return checked(x->owner, struct admin_task, TASK_MAGIC);
}

static void on_data(struct exchange *x, struct trb_data piece)
{
    struct admin_task *t = task_of(x);
    x->ops->consume(x, piece.len);
    if (gather_add(&t->body, slice_from(piece.at, piece.len), MAX_BODY))
        return;
    refuse(x, (struct reply){.status = 413}, "ADMIN_TOO_LARGE", "an admin request has at most 1 MiB");
    task_free(t);
}

static void run_on_main(struct letter *letter)
{
    struct admin_task *t = container_of(letter, struct admin_task, letter);
    struct admin *a = t->admin;
    calls_verb(t->call, a->verbs)(a->arg, &t->question, t);
}

static void on_end(struct exchange *x, const struct http_headers *trailers)
{
    struct admin_task *t = task_of(x);
    t->text = gather_finish(&t->body);
    t->question.body = buf_bytes(t->text);
    t->is_asked = true;
    t->letter.deliver = run_on_main;
    loop_post(loop_at(0), &t->letter);
}

static void on_room(struct exchange *x)
{
}

static void on_gone(struct exchange *x, const struct trb_error *err)
{
    struct admin_task *t = task_of(x);
    t->x = NULL;
    x->ops->release(x);
    if (!t->is_asked)
        task_free(t);
}

static const struct exchange_events events = {.data = on_data, .end = on_end, .room = on_room, .gone = on_gone};

/* A request that was refused at once: whatever still comes is dropped. */
static void ignore_data(struct exchange *x, struct trb_data piece)
{
    x->ops->consume(x, piece.len);
}

static void ignore_end(struct exchange *x, const struct http_headers *trailers)
{
}

static void ignore_gone(struct exchange *x, const struct trb_error *err)
{
    x->ops->release(x);
}

static const struct exchange_events refused = {.data = ignore_data, .end = ignore_end, .room = on_room, .gone = ignore_gone};

static void refuse_path(struct exchange *x, struct trb_slice path, bool is_known)
{
    struct text methods = {0};
    calls_methods(path, &methods);
    if (is_known)
        refuse(x, (struct reply){405, text_slice(&methods)}, "ADMIN_METHOD", "this admin path does not take that method");
    else
        refuse(x, (struct reply){.status = 404}, "ADMIN_PATH", "there is no such admin path: GET /v1/admin lists them");
    text_fini(&methods);
}

static void begin(struct admin *a, struct exchange *x, const struct admin_call *call, struct trb_slice name)
{
    struct admin_task *t = mem_zero(sizeof *t);
    *t = (struct admin_task){.magic = TASK_MAGIC, .admin = a, .x = x, .loop = x->loop, .call = call};
    size_t len = 0;
    check(!name.len || calls_read_name(name, t->name_room, &len));
    t->question.name = slice_from(t->name_room, len);
    x->owner = t;
    x->events = &events;
}

void task_begin(void *admin, struct exchange *x)
{
    struct admin *a = checked(admin, struct admin, ADMIN_MAGIC);
    struct trb_slice rest = x->request.target, path = slice_split(&rest, '?'), name = {0};
    struct trb_error err = ERROR_INIT;
    bool is_known;
    x->events = &refused;
    if (!guard_admits(&a->guard, x, &err)) {
        reply_error(x, (struct reply){.status = err.code == TRB_UNAUTHENTICATED ? 401 : 403}, &err);
        return;
    }
    const struct admin_call *call = calls_find(x->request.method, path, &name, &is_known);
    if (call)
        begin(a, x, call, name);
    else
        refuse_path(x, path, is_known);
}

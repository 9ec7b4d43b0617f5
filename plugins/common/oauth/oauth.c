/* oauth: token endpoints. The answer is {"access_token":…,"expires_in":…} (a number, or as text), or expires_on. */
#include <base/clock.h>
#include <base/json.h>
#include <base/mem.h>
#include <base/slice.h>
#include <http/small_file.h>
#include <oauth/oauth.h>

#define TIMEOUT_NS 10000000000
#define ARENA_BUDGET (4u << 20)
#define LIFETIME_UNKNOWN_S 600

struct asked {
    struct oauth to;
    struct text form;
};

void oauth_add(struct text *form, const char *name, struct trb_slice value)
{
    text_addf(form, "%s%s=", form->len ? "&" : "", name);
    text_add_escaped(form, value, "-_.~");
}

static int64_t number_at(struct arena *a, struct json_value object, struct trb_slice name)
{
    struct json_value v = json_find(object, name);
    int64_t number = 0;
    slice_to_i64(v.kind == JSON_STRING ? json_text(a, v) : v.raw, &number);
    return number;
}

/* Only a refusal is quoted: an answer that is none may hold a token in a form that we do not know. */
static void refuse(const struct oauth *o, const struct http_answer *answer, struct json_value object, struct arena *a)
{
    struct trb_error err = {.size = sizeof err};
    struct json_value said = {0};
    struct trb_slice text = answer->status < 300 ? SLICE("no access_token is in it") : slice_trim(answer->body);
    if (object.kind == JSON_OBJECT)
        said = json_find(object, SLICE("error_description"));
    if (said.kind == JSON_STRING)
        text = json_text(a, said);
    bool is_there = answer->status < 500 && answer->status != 429;
    trb_error(&err, is_there ? TRB_UNAUTHENTICATED : TRB_UNAVAILABLE, "NO_TOKEN", "%s: the token endpoint answered %u: %.*s", o->who,
              answer->status, SLICE_ARG(text));
    lease_failed(o->lease, &err);
}

static void read_token(const struct oauth *o, const struct http_answer *answer)
{
    struct arena *a = arena_create(ARENA_BUDGET);
    struct json_value object = {0}, token = {0};
    struct json_fault fault;
    if (json_parse(answer->body, &object, &fault) && object.kind == JSON_OBJECT)
        token = json_find(object, SLICE("access_token"));
    if (answer->status == 200 && token.kind == JSON_STRING) {
        struct trb_slice text = json_text(a, token);
        int64_t left_s = number_at(a, object, SLICE("expires_in")), until_s = number_at(a, object, SLICE("expires_on"));
        if (left_s <= 0 && until_s > 0)
            left_s = until_s - clock_wall_ns() / 1000000000;
        left_s = left_s > 0 && left_s < 1000000000 ? left_s : LIFETIME_UNKNOWN_S;
        lease_got(o->lease, text, left_s * 1000000000);
    } else {
        refuse(o, answer, object, a);
    }
    arena_destroy(a);
}

static void on_answered(void *arg, const struct http_answer *answer, const struct trb_error *err)
{
    struct asked *q = arg;
    if (err)
        lease_failed(q->to.lease, err);
    else
        read_token(&q->to, answer);
    small_file_wipe(&q->form);
    mem_free(q);
}

static struct asked *begin(const struct oauth *o, struct http_request *r, const char *url)
{
    struct asked *q = mem_zero(sizeof *q);
    q->to = *o;
    r->url = url;
    r->secret = true;
    r->answered = on_answered;
    r->arg = q;
    return q;
}

void oauth_post(const struct oauth *o, const char *url, struct text *form)
{
    struct trb_pair headers[] = {{NAME("Content-Type"), NAME("application/x-www-form-urlencoded")},
                                 {NAME("Accept"), NAME("application/json")}};
    struct http_request r = {.headers = {headers, 2, sizeof *headers}, .timeout_ns = TIMEOUT_NS, .repeatable = true};
    struct asked *q = begin(o, &r, url);
    q->form = *form;
    *form = (struct text){0};
    r.body = text_slice(&q->form);
    http_ask(o->http, &r);
}

void oauth_get(const struct oauth *o, const char *url, const struct trb_pairs *headers, int64_t timeout_ns)
{
    struct http_request r = {.headers = *headers, .timeout_ns = timeout_ns, .no_proxy = true};
    begin(o, &r, url);
    http_ask(o->http, &r);
}

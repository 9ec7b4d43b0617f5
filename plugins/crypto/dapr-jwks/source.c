/* source: see source.h. What once worked stays in use while its source is out of order. */
#include "source.h"
#include <base/codec.h>
#include <base/slice.h>
#include <http/small_file.h>
#include <stdlib.h>
#include <sys/stat.h>

#define MOST_BYTES (1u << 20)
#define SECOND_NS 1000000000ll

/* ----------------------------------------------------------------------------------------- a set */
static bool take(struct source *s, struct trb_slice text, struct trb_error *err)
{
    struct keyset fresh;
    if (!keyset_parse(text, &fresh, err))
        return false;
    keyset_fini(&s->set);
    s->set = fresh;
    if (fresh.skipped)
        trb_log(s->host, s->origin, TRB_LOG_WARN, "%u of the keys in jwks cannot be used; the last one: %s", fresh.skipped,
                fresh.why_skipped);
    return true;
}

/* A source that worked and does not any more is said once. */
static void complain(struct source *s, const struct trb_error *err)
{
    if (!s->is_broken)
        trb_log(s->host, s->origin, TRB_LOG_WARN, "jwks: the keys that were read before stay in use: %s", err->message);
    s->is_broken = true;
}

/* ---------------------------------------------------------------------------------------- a text */
static bool take_base64(struct source *s, struct trb_slice text, struct trb_error *err)
{
    char *bytes = mem_alloc(text.len * 3 / 4 + 3);
    size_t len = 0;
    bool fine = base64_decode(text, true, bytes, &len, NULL) && slice_starts(slice_trim(slice_from(bytes, len)), SLICE("{"));
    if (fine)
        fine = take(s, slice_from(bytes, len), err);
    else
        trb_error(err, TRB_INVALID, "BAD_JWKS", "jwks is no URL, no JSON, no file that is there and no base64 of JSON");
    mem_wipe(bytes, text.len * 3 / 4 + 3);
    mem_free(bytes);
    return fine;
}

/* ---------------------------------------------------------------------------------------- a file */
static bool look(const char *path, int64_t ret[3])
{
    struct stat st;
    if (stat(path, &st))
        return false;
    ret[0] = st.st_size;
    ret[1] = (int64_t)st.st_ino;
    ret[2] = st.st_mtim.tv_sec * SECOND_NS + st.st_mtim.tv_nsec;
    return true;
}

static bool take_file(struct source *s, struct trb_error *err)
{
    struct text text = {0};
    bool fine = small_file_read("jwks", s->jwks, &text, err) && take(s, text_slice(&text), err);
    small_file_wipe(&text);
    return fine;
}

static void look_again(struct source *s)
{
    struct trb_error err = {.size = sizeof err};
    int64_t now[3];
    if (!look(s->jwks, now)) {
        trb_errno(&err, "jwks: the file");
        complain(s, &err);
    } else if (memcmp(now, s->stamp, sizeof now)) {
        memcpy(s->stamp, now, sizeof now);
        s->is_broken = false;           /* another file, another complaint */
        if (!take_file(s, &err))
            complain(s, &err);
    }
}

/* ----------------------------------------------------------------------------------------- a URL */
static void fetch(void *source);

/* As long as the server says, at least as long as the option. */
static int64_t wait_of(const struct source *s, const struct http_answer *a)
{
    struct trb_slice control = a ? http_header(a, "Cache-Control") : slice_from(NULL, 0);
    int64_t seconds = 0;
    while (control.at) {
        struct trb_slice word = slice_trim(slice_split(&control, ','));
        if (slice_starts_nocase(word, SLICE("max-age=")) && !slice_to_i64(slice_skip(word, 8), &seconds))
            seconds = 0;
    }
    seconds = seconds < 0 ? 0 : seconds > 86400 ? 86400 : seconds;
    return seconds * SECOND_NS > s->refresh_ns ? seconds * SECOND_NS : s->refresh_ns;
}

static bool judge(struct source *s, const struct http_answer *a, const struct trb_error *failure, struct trb_error *err)
{
    if (!a)
        *err = *failure;
    else if (a->status != 200)
        trb_error(err, TRB_UNAVAILABLE, "BAD_STATUS", "jwks: the URL answers with the status %u", a->status);
    else
        return take(s, a->body, err);
    return false;
}

static void plan(struct source *s, int64_t wait_ns)
{
    const struct trb_timer_service *timers = s->host->extension(TRB_TIMER);
    if (timers && wait_ns > 0)
        s->timer = timers->start(s->origin, (uint64_t)wait_ns, fetch, s);
}

static void fetched(void *arg, const struct http_answer *a, const struct trb_error *failure)
{
    struct source *s = arg;
    struct trb_error err = {.size = sizeof err};
    struct trb_call *starting = s->starting;
    bool fine = judge(s, a, failure, &err);
    s->starting = NULL;
    if (fine)
        s->is_broken = false;
    if (fine || !starting)
        plan(s, wait_of(s, a));
    if (!starting && !fine)
        complain(s, &err);
    else if (starting && fine)
        trb_done(starting);
    else if (starting)
        s->host->fail(starting, &err);
}

static void fetch(void *source)
{
    struct source *s = source;
    static const struct trb_pair accept = {{"Accept", 6}, {"application/json", 16}};
    s->timer = NULL;
    http_ask(s->http, &(struct http_request){.url = s->jwks, .headers = {&accept, 1, sizeof accept}, .call = s->starting,
                                             .timeout_ns = s->timeout_ns, .max_redirects = 5, .secret = true,
                                             .answered = fetched, .arg = s});
}

static bool begin_fetching(struct source *s, struct trb_call *call, struct trb_error *err)
{
    s->http = http_create(&(struct http_setup){.host = s->host, .origin = s->origin, .product = "jwks",
                                               .max_answer_bytes = MOST_BYTES, .timeout_ns = s->timeout_ns}, err);
    s->starting = call;
    if (s->http)
        fetch(s);
    return s->http;
}

/* --------------------------------------------------------------------------------------- whatever */
static bool load(struct source *s, struct trb_call *call, struct trb_error *err)
{
    struct trb_slice text = slice_trim(slice_of(s->jwks));
    s->is_url = slice_starts_nocase(text, SLICE("http://")) || slice_starts_nocase(text, SLICE("https://"));
    if (s->is_url)
        return begin_fetching(s, call, err);
    if (text.len && text.at[0] == '{')
        return take(s, text, err);
    s->is_file = look(s->jwks, s->stamp);
    return s->is_file ? take_file(s, err) : take_base64(s, text, err);
}

void source_start(struct source *s, struct trb_call *call)
{
    struct trb_error err = {.size = sizeof err};
    bool fine = load(s, call, &err);
    if (!fine)
        call->host->fail(call, &err);
    else if (!s->is_url)
        trb_done(call);
}

void source_stop(struct source *s)
{
    s->http = http_destroy(s->http);
    keyset_fini(&s->set);
}

void source_cancel(struct source *s, struct trb_call *call, uint32_t why)
{
    if (s->http)
        http_cancel_for(s->http, call, why);
}

const struct keyset *source_set(struct source *s)
{
    if (s->is_file)
        look_again(s);
    return &s->set;
}

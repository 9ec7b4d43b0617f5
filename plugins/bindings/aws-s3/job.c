/* job: items under way, and the one answer. */
#include "s3.h"
#include <base/mem.h>
#include <base/slice.h>

#define ARENA_BUDGET (512u << 20)

struct s3_job *job_create(struct s3 *s, struct trb_call *call, const struct trb_binding_invoke *q)
{
    struct s3_job *j = mem_zero(sizeof *j);
    *j = (struct s3_job){.s3 = s, .call = call, .question = q, .arena = arena_create(ARENA_BUDGET), .limit = 1};
    list_append(&s->jobs, &j->link);
    return j;
}

void job_items(struct s3_job *j, uint32_t count)
{
    j->items = mem_zero((count ? count : 1) * sizeof *j->items);
    j->count = count;
    for (uint32_t n = 0; n < count; n++)
        j->items[n].job = j;
}

static void job_free(struct s3_job *j)
{
    for (uint32_t n = 0; n < j->count; n++) {
        struct s3_item *i = &j->items[n];
        text_fini(&i->text);
        text_fini(&i->location);
        text_fini(&i->version);
        j->s3->host->buf_unref(i->body.owner);
    }
    mem_free(j->items);
    list_remove(&j->link);
    arena_destroy(j->arena);
    mem_free(j);
}

void job_fail(struct s3_job *j, const struct trb_error *err)
{
    j->s3->host->fail(j->call, err);
}

void job_refuse(struct s3_job *j, const struct trb_error *err)
{
    job_fail(j, err);
    job_free(j);
}

static void on_release(void *at)
{
    mem_free(at);
}

void job_answer(struct s3_job *j, struct text *json, const struct trb_pairs *metadata)
{
    const struct trb_host *host = j->s3->host;
    struct trb_binding_answer answer = {.size = sizeof answer};
    struct text taken = *json;
    *json = (struct text){0};
    if (metadata)
        answer.metadata = *metadata;
    if (taken.at)
        answer.data = (struct trb_data){taken.at, taken.len, host->buf_wrap(j->s3->origin, text_slice(&taken), on_release, taken.at)};
    bool is_given = answer.data.owner != NULL;
    host->done(j->call, &answer, sizeof answer);
    if (!is_given)
        text_fini(&taken);
}

/* ------------------------------------------------------------------------------------------ running */
static void pump(struct s3_job *j)
{
    j->flying++;                        /* ours: nobody ends the job meanwhile */
    while (j->next < j->count && j->flying <= j->limit && !j->is_cancelled) {
        struct s3_item *i = &j->items[j->next++];
        j->flying++;
        if (!j->send(i))
            j->flying--;
    }
    if (--j->flying)
        return;
    j->render(j);
    job_free(j);
}

static void on_answered(void *arg, const struct http_answer *answer, const struct trb_error *err)
{
    struct s3_item *i = arg;
    struct s3_job *j = i->job;
    if (err)
        i->err = *err;
    else
        j->heard(i, answer);
    j->flying--;
    pump(j);
}

void item_ask(struct s3_item *i, const struct http_request *request)
{
    struct http_request r = *request;
    r.signer = &i->job->s3->aws.lease.signer;
    r.call = i->job->call;
    r.answered = on_answered;
    r.arg = i;
    http_ask(i->job->s3->http, &r);
}

void job_run(struct s3_job *j)
{
    pump(j);
}

void job_cancel(struct s3 *s, struct trb_call *call, uint32_t why)
{
    list_each (node, &s->jobs) {
        struct s3_job *j = list_item(node, struct s3_job, link);
        if (j->call == call) {
            j->is_cancelled = true;
            http_cancel_for(s->http, call, why);
            return;
        }
    }
}

/* ----------------------------------------------------------------------------------------- metadata */
struct trb_slice meta(const struct s3_job *j, const char *name)
{
    return slice_name(trb_pair_get(&j->question->metadata, name));
}

bool meta_truthy(const struct s3_job *j, const char *name, uint32_t fallback)
{
    struct trb_slice said = meta(j, name);
    return said.len ? slice_is_truthy(said) : fallback;
}

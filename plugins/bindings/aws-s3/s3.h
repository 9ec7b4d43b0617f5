/* s3: what the files of bindings.aws.s3 share.
 *
 * An operation is a job: one item, or many of which a few are under way at a time. Each item is one request;
 * when all are answered the job renders its one answer. */
#ifndef S3_H
#define S3_H

#include <aws/aws.h>
#include <base/arena.h>
#include <base/json.h>
#include <base/list.h>
#include <base/text.h>
#include <http/http.h>
#include <trilby/bindings.h>

struct s3 {
    struct aws_config config;           /* options, filled in by the host */
    const char *bucket, *file_path, *presign_ttl, *storage_class;
    uint32_t path_style, disable_ssl, insecure_ssl, decode, encode;
    uint64_t max_bytes;
    struct aws aws;                     /* ours, from start to stop */
    struct http *http;
    struct text base;                   /* where keys begin: "https://bucket.s3.us-east-1.amazonaws.com/" */
    const struct trb_host *host;
    const struct trb_origin *origin;
    struct list jobs;
    bool has_aws;
};

struct s3_job;

struct s3_item {
    struct s3_job *job;
    struct trb_slice key, data, content_type, file_path;
    struct trb_data body;               /* of a get; owner NULL: copied into text */
    struct text text, location, version;
    struct trb_error err;               /* code TRB_OK: it went well */
    bool is_carried;                    /* of a batch's first: s3 has looked at each of its keys */
};

struct s3_job {
    struct list link;
    struct s3 *s3;
    struct trb_call *call;
    const struct trb_binding_invoke *question;
    struct arena *arena;
    struct s3_item *items;
    uint32_t count, next, flying, limit;
    bool is_bulk, decode, encode, is_cancelled;
    int64_t presign_ns;                 /* 0: no URL is asked for */
    /* Sends an item's request; false: it failed at once and its err is set. */
    bool (*send)(struct s3_item *);
    void (*heard)(struct s3_item *, const struct http_answer *);
    void (*render)(struct s3_job *);    /* answers the call */
};

/* job.c */
struct s3_job *job_create(struct s3 *, struct trb_call *, const struct trb_binding_invoke *);
void job_items(struct s3_job *, uint32_t count);
void job_run(struct s3_job *);          /* ends in render, and frees it */
void job_refuse(struct s3_job *, const struct trb_error *);     /* instead of running it */
void job_cancel(struct s3 *, struct trb_call *, uint32_t why);
void item_ask(struct s3_item *, const struct http_request *);   /* signed; answered by heard */
void job_answer(struct s3_job *, struct text *json, const struct trb_pairs *metadata);  /* text is taken */
void job_fail(struct s3_job *, const struct trb_error *);

/* object.c */
bool object_create(struct s3_item *);
void object_created(struct s3_item *, const struct http_answer *);
bool object_get(struct s3_item *);
void object_got(struct s3_item *, const struct http_answer *);
bool object_delete(struct s3_item *);
void object_deleted(struct s3_item *, const struct http_answer *);
void object_url(const struct s3 *, struct trb_slice key, struct text *url);
bool object_presign(struct s3_job *, struct trb_slice key, struct text *url);
void answer_refused(struct s3_item *, const struct http_answer *);   /* sets err */

/* the operations; each ends in an answer or a failure of the call */
void op_create(struct s3_job *);
void op_get(struct s3_job *);
void op_delete(struct s3_job *);
void op_presign(struct s3_job *);
void op_list(struct s3_job *);
void op_bulk_get(struct s3_job *);
void op_bulk_create(struct s3_job *);
void op_bulk_delete(struct s3_job *);

/* request metadata, else the component's option */
struct trb_slice meta(const struct s3_job *, const char *name);
bool meta_truthy(const struct s3_job *, const char *name, uint32_t fallback);

#endif

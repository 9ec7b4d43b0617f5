/* inside: what the files of http share. Not for others. */
#ifndef HTTP_INSIDE_H
#define HTTP_INSIDE_H

#include <base/list.h>
#include <base/text.h>
#include <curl/curl.h>
#include <http/http.h>
#include <trilby/services.h>

struct http {
    uint32_t magic;
    struct http_setup setup;
    CURLM *multi;
    const struct trb_watch_service *watches;
    const struct trb_timer_service *timers;
    struct trb_timer *timer;            /* libcurl's */
    struct trb_timer *late;             /* calls that failed before they were sent */
    struct list calls;
    bool is_leaving;                    /* the host has its watches and timers back */
};
#define HTTP_MAGIC 0x48545450u

#define CALL_SIGNING 0
#define CALL_SENT 1
#define CALL_FAILED 2                   /* to be told at the next turn */

struct http_line {                      /* a header of the answer, by offsets into lines */
    size_t name, name_len, value, value_len;
};

struct http_call {
    uint32_t magic;
    struct list link;
    struct http *http;
    struct http_request request;        /* texts in it are our copies; the body is not */
    char *method, *url;
    struct trb_pair *headers;           /* ours, of the request */
    uint32_t header_count, state;
    bool is_second;                     /* signed again after a 401 */
    CURL *easy;
    struct curl_slist *lines, *connect_to;
    char fault[CURL_ERROR_SIZE];
    struct trb_error err;               /* why it failed, found by us */
    struct text head;                   /* status line and headers of the last answer */
    struct http_line *fields;
    uint32_t field_count, field_room, reason_at;
    char *body;
    size_t body_len, body_room, sent;
    bool is_cut;
    bool is_redirected;                 /* the last answer was a redirect: the body may be sent once more */
};
#define CALL_MAGIC 0x48434c4cu

bool call_ready(struct http_call *, struct trb_error *err);     /* its easy handle says what it should */
void call_forget_answer(struct http_call *);                    /* all that came, and the easy handle */
void call_free(struct http_call *);
void call_error(struct http_call *, CURLcode, struct trb_error *err);
uint32_t call_status(const struct http_call *);
bool call_copy(struct http_call *, const struct http_request *, struct trb_error *err);
void call_wipe(void *at, size_t len, bool secret);              /* and frees */

bool tls_check(const struct http_setup *, struct trb_error *err);
bool tls_apply(struct http_call *, const struct http_tls *, struct trb_error *err);

#endif

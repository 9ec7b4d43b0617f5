/* own: the calls that need no runtime. */
#include <admin/calls.h>
#include <admin/openapi.h>
#include <admin/own.h>
#include <admin/task.h>
#include <base/error.h>
#include <base/json.h>
#include <base/log.h>
#include <base/slice.h>

#define SCOPE "dapr.runtime.admin"

static void answer(struct admin_task *task, struct text *json)
{
    admin_answer(task, NULL, text_slice(json));
    text_fini(json);
}

void own_index(void *unused, const struct admin_question *q, struct admin_task *task)
{
    struct text json = {0};
    size_t count;
    const struct admin_call *c = calls_all(&count);
    text_adds(&json, "{\"description\":\"/v1/admin/openapi.json\",\"calls\":[");
    for (size_t i = 0; i < count; i++) {
        text_addf(&json, "%s{\"method\":\"%s\",\"path\":\"%s\",\"summary\":", i ? "," : "", c[i].method, c[i].path);
        text_add_json(&json, slice_of(c[i].summary), false);
        text_addc(&json, '}');
    }
    text_adds(&json, "]}");
    answer(task, &json);
}

void own_openapi(void *unused, const struct admin_question *q, struct admin_task *task)
{
    struct text json = {0};
    openapi_write(task_version(task), &json);
    answer(task, &json);
}

/* ------------------------------------------------------------------------------------ log level */
void own_log_level(void *unused, const struct admin_question *q, struct admin_task *task)
{
    struct text json = {0};
    text_addf(&json, "{\"level\":\"%s\",\"levels\":[", log_level_name(log_level()));
    for (uint32_t level = LOG_DEBUG; level <= LOG_FATAL; level++)
        text_addf(&json, "%s\"%s\"", level ? "," : "", log_level_name(level));
    text_adds(&json, "]}");
    answer(task, &json);
}

static bool read_level(struct trb_slice body, uint32_t *ret_level)
{
    struct json_value all, level = {0};
    struct json_fault fault;
    char word[16] = "";
    if (json_parse(body, &all, &fault) && all.kind == JSON_OBJECT)
        level = json_find(all, SLICE("level"));
    if (level.kind != JSON_STRING || level.raw.len - 2 >= sizeof word)
        return false;
    memcpy(word, level.raw.at + 1, level.raw.len - 2);
    return log_level_parse(word, ret_level);
}

/* The line about it is written whichever of the two levels lets it through. */
static void set_level(uint32_t level)
{
    uint32_t before = log_level();
    if (level < before)
        log_set_level(level);
    log_info(SCOPE, "admin: log level set to %s, it was %s", log_level_name(level), log_level_name(before));
    log_set_level(level);
}

void own_set_log_level(void *unused, const struct admin_question *q, struct admin_task *task)
{
    struct trb_error err = ERROR_INIT;
    uint32_t level;
    if (read_level(q->body, &level)) {
        set_level(level);
        own_log_level(unused, q, task);
        return;
    }
    error_set(&err, TRB_INVALID, "ADMIN_LOG_LEVEL",
              "the body is {\"level\":\"…\"} with debug, info, warn, error or fatal");
    admin_answer(task, &err, SLICE(""));
}

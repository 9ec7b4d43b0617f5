/* admin_ask.c: errors of the network and of the listener, each with what to do about it.
 * Not a retry: a change is asked for once. */
#include "cli/admin_ask.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static int unreached(const struct admin_place *p, int error, int64_t timeout_s, struct reason *why)
{
    if (error == ENOENT)
        reason_set(why, "nobody listens on %s: there is no such socket", p->name);
    else if (error == ECONNREFUSED)
        reason_set(why, "nobody listens on %s: is the sidecar running, with that --admin-listen?", p->name);
    else if (error == EACCES || error == EPERM)
        reason_set(why, "permission denied: only the user that runs the sidecar, and root, may use %s", p->name);
    else if (error == ETIMEDOUT)
        reason_set(why, "%s did not answer within %lld seconds: whether it was done is not known", p->name, (long long)timeout_s);
    else
        reason_set(why, "%s gave no answer: %s", p->name, strerror(error));
    return ADMIN_UNREACHED;
}

static int refused(const struct admin_place *p, int status, const cJSON *answer, struct reason *why)
{
    const char *sentence = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "message"));
    const char *code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(answer, "errorCode"));
    bool is_ours = sentence && code && strncmp(code, "ERR_", 4);       /* those are the API's */
    if (status == 401 && p->token_file)
        reason_set(why, "wrong token: %s does not hold the token of the listener on %s", p->token_file, p->name);
    else if (!is_ours)
        reason_set(why, "what listens on %s is no admin listener of Trilby: it answered with status %d", p->name, status);
    else
        reason_set(why, "%s", sentence);
    return status == 401 || status == 403 || !is_ours ? ADMIN_UNREACHED : ADMIN_REFUSED;
}

static int timeout_ms(int64_t timeout_s)
{
    return timeout_s > 0 && timeout_s < INT_MAX / 1000 ? (int)timeout_s * 1000 : INT_MAX;
}

int admin_ask(const struct admin_place *p, const char *method, const char *path, const char *body, int64_t timeout_s,
              cJSON **ret_answer, struct reason *why)
{
    struct http_call call;
    int status = http_ask(&call, &p->http, method, path, body, timeout_ms(timeout_s));
    cJSON *answer = status ? cJSON_ParseWithLength(call.body.at ? call.body.at : "", call.body.len) : NULL;
    int result = ADMIN_DONE;
    if (!status)
        result = unreached(p, call.error, timeout_s, why);
    else if (status != 200 || !answer)
        result = refused(p, status, answer, why);
    http_fini(&call);
    if (result)
        cJSON_Delete(answer);
    else
        *ret_answer = answer;
    return result;
}

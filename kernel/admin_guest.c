/* admin_guest: joins admin/admin.h with runtime/report.h and runtime/replace.h, which do not know each other. */
#include "admin_guest.h"

#include <admin/admin.h>
#include <base/error.h>
#include <base/log.h>
#include <base/slice.h>
#include <runtime/replace.h>
#include <runtime/report.h>

#define SCOPE "dapr.runtime.admin"

static struct {
    struct admin *admin;
    struct runtime *runtime;               /* NULL: there is none just now */
} guest;

/* ---------------------------------------------------------------------------------- looking */
static bool is_between(struct admin_task *task)
{
    struct trb_error err = ERROR_INIT;
    if (guest.runtime)
        return false;
    error_set(&err, TRB_UNAVAILABLE, "ADMIN_NO_RUNTIME", "the runtime is being built again: try again in a moment");
    admin_answer(task, &err, SLICE(""));
    return true;
}

static void tell(struct admin_task *task, struct text *json)
{
    admin_answer(task, NULL, text_slice(json));
    text_fini(json);
}

static void list_plugins(void *unused, const struct admin_question *q, struct admin_task *task)
{
    struct text json = {0};
    if (is_between(task))
        return;
    report_plugins(guest.runtime, &json);
    tell(task, &json);
}

static void list_components(void *unused, const struct admin_question *q, struct admin_task *task)
{
    struct text json = {0};
    if (is_between(task))
        return;
    report_components(guest.runtime, &json);
    tell(task, &json);
}

static void show_component(void *unused, const struct admin_question *q, struct admin_task *task)
{
    struct trb_error err = ERROR_INIT;
    struct text json = {0};
    if (is_between(task))
        return;
    if (report_component(guest.runtime, q->name, &json)) {
        tell(task, &json);
        return;
    }
    error_set(&err, TRB_NOT_FOUND, "NO_SUCH_COMPONENT", "there is no component %.*s", SLICE_ARG(q->name));
    admin_answer(task, &err, SLICE(""));
}

static void show_features(void *unused, const struct admin_question *q, struct admin_task *task)
{
    struct text json = {0};
    if (is_between(task))
        return;
    report_features(guest.runtime, TRILBY_COMMIT, &json);
    tell(task, &json);
}

static void show_process(void *unused, const struct admin_question *q, struct admin_task *task)
{
    struct text json = {0};
    if (is_between(task))
        return;
    report_process(guest.runtime, &json);
    tell(task, &json);
}

/* --------------------------------------------------------------------------------- changing */
static void on_done(void *task, const struct trb_error *err)
{
    if (err)
        log_warn(SCOPE, "an admin request failed: %.*s", SLICE_ARG(error_text(err)));
    admin_answer(task, err, SLICE("{\"status\":\"done\"}"));
}

static void add_component(void *unused, const struct admin_question *q, struct admin_task *task)
{
    if (is_between(task))
        return;
    log_info(SCOPE, "admin: a component is given");
    replace_component(guest.runtime, "(admin)", q->body, on_done, task);
}

static void remove_component(void *unused, const struct admin_question *q, struct admin_task *task)
{
    if (is_between(task))
        return;
    log_info(SCOPE, "admin: component %.*s is to go", SLICE_ARG(q->name));
    replace_remove(guest.runtime, q->name, on_done, task);
}

static void reload_component(void *unused, const struct admin_question *q, struct admin_task *task)
{
    if (is_between(task))
        return;
    log_info(SCOPE, "admin: component %.*s is to be reloaded", SLICE_ARG(q->name));
    replace_reload(guest.runtime, q->name, on_done, task);
}

static void reload_plugin(void *unused, const struct admin_question *q, struct admin_task *task)
{
    if (is_between(task))
        return;
    log_info(SCOPE, "admin: plugin %.*s is to be replaced", SLICE_ARG(q->name));
    replace_plugin(guest.runtime, q->name, on_done, task);
}

static void reload_resources(void *unused, const struct admin_question *q, struct admin_task *task)
{
    struct trb_error err = ERROR_INIT;
    if (is_between(task))
        return;
    log_info(SCOPE, "admin: the resource folders are to be read again");
    if (runtime_read_again(guest.runtime)) {
        admin_answer(task, NULL, SLICE("{\"status\":\"begun\"}"));
        return;
    }
    error_set(&err, TRB_UNAVAILABLE, "NOT_RUNNING", "the runtime is starting or stopping");
    admin_answer(task, &err, SLICE(""));
}

static const struct admin_verbs verbs = {
    .list_plugins = list_plugins, .list_components = list_components, .show_component = show_component,
    .show_features = show_features, .show_process = show_process, .add_component = add_component,
    .remove_component = remove_component, .reload_component = reload_component, .reload_plugin = reload_plugin,
    .reload_resources = reload_resources};

/* ------------------------------------------------------------------------------------- life */
static trb_code open_guest(const struct flags *f, struct trb_error *err)
{
    struct admin_setup setup = {.listen = slice_name(f->admin_listen), .version = RUNTIME_VERSION, .verbs = &verbs,
                                .token_file = f->admin_token_file.at};
    if (!f->admin_listen.len)
        return TRB_OK;
    trb_code code = admin_start(&setup, &guest.admin, err);
    if (code)
        error_prefix(err, "admin listener: ");
    else
        log_info(SCOPE, "admin server is listening on %s", f->admin_listen.at);
    return code;
}

static void see_runtime(struct runtime *rt)
{
    guest.runtime = rt;
}

static void close_guest(void (*done)(void *arg), void *arg)
{
    if (guest.admin)
        admin_stop(guest.admin, done, arg);
    else
        done(arg);
    guest.admin = NULL;
}

const struct process_guest admin_guest = {.open = open_guest, .runtime = see_runtime, .close = close_guest};

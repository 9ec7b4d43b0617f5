/* trilbyd: the sidecar. Reads the command line, then runs one runtime after the other until it is
 * told to end. Everything with meaning is in plugins; the story of a start is runtime/runtime.c. */
#include "admin_guest.h"

#include <base/error.h>
#include <base/log.h>
#include <base/slice.h>
#include <config/environment.h>
#include <config/flags.h>
#include <fcntl.h>
#include <isolate/isolate.h>
#include <request/grpc_reflection.h>
#include <runtime/process.h>
#include <runtime/runtime.h>
#include <runtime/wait.h>
#include <stdio.h>
#include <unistd.h>

extern const char proto_descriptors[], proto_descriptors_end[];    /* of proto/, for reflection */

static int print_usage(const char *program, const char *why)
{
    struct text usage = {0};
    flags_usage(&usage, program);
    if (why)
        fprintf(stderr, "%s\n", why);
    fputs(usage.at, stderr);
    text_fini(&usage);
    return why ? 2 : 0;
}

static int print_version(void)
{
    puts(RUNTIME_VERSION);
    return 0;
}

static int print_build(void)
{
    printf("Version: %s\nGit Commit: %s\nGit Version: %s\n", RUNTIME_VERSION, TRILBY_COMMIT, TRILBY_DESCRIBED);
    return 0;
}

static int open_log(const struct flags *f)
{
    if (!f->log_file.len)
        return 1;
    int fd = open(f->log_file.at, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0)
        fprintf(stderr, "cannot open the log file %s: %m; the log goes to standard output\n", f->log_file.at);
    return fd < 0 ? 1 : fd;
}

static void start_log(const struct flags *f)
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    struct log_setup setup = {.app_id = f->app_id.at, .instance = host, .version = RUNTIME_VERSION,
                              .level = f->log_level_number, .json = f->log_as_json, .fd = open_log(f)};
    log_start(&setup);
}

static void warn(void *arg, const char *sentence)
{
    log_warn("dapr.runtime", "%s", sentence);
}

static int run(struct flags *f)
{
    struct trb_error err = ERROR_INIT;
    bool is_bad = flags_check(f, warn, NULL, &err) != TRB_OK;
    start_log(f);
    if (is_bad) {
        log_fatal("dapr.runtime", "%s", error_text(&err).at);
        return 1;
    }
    log_info("dapr.runtime", "Starting Dapr Runtime -- version %s -- commit %s", RUNTIME_VERSION, TRILBY_COMMIT);
    log_info("dapr.runtime", "Log level set to: %s", f->log_level.at);
    reflection_set_descriptors(slice_from(proto_descriptors, (size_t)(proto_descriptors_end - proto_descriptors)));
    return process_run(f, &admin_guest);
}

static int act(struct flags *f)
{
    if (f->version)
        return print_version();
    if (f->build_info)
        return print_build();
    return f->wait ? wait_for_sidecar(f) : run(f);
}

int main(int argc, char **argv)
{
    struct environment environment = {0};
    struct flags flags = {0};
    struct trb_error err = ERROR_INIT;
    if (argc > 1 && !strcmp(argv[1], ISOLATE_WORD))
        return isolate_child(argc, argv);
    environment_read(&environment);
    int what = flags_parse(argc, argv, &environment, &flags, &err);
    int code = what == FLAGS_RUN ? act(&flags) : print_usage(argv[0], what == FLAGS_USAGE ? error_text(&err).at : NULL);
    log_stop();
    flags_fini(&flags);
    environment_fini(&environment);
    return code;
}

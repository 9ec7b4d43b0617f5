/* version.c: `trilby version`: ours, and that of the sidecar we would start. */
#include "cli/child.h"
#include "cli/command.h"
#include "cli/places.h"
#include "cli/say.h"

#include <cjson/cJSON.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

const struct flag version_flags[] = {
    {"output", 'o', FLAG_TEXT, "FORMAT", "text", NULL, NULL, "text or json."},
    {0},
};

/* The first line a program prints, or NULL. */
static char *first_line(char *program)
{
    int pair[2];
    pid_t pid;
    char line[256];
    size_t len = 0;
    if (pipe(pair))
        return NULL;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pair[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, pair[0]);
    posix_spawn_file_actions_addclose(&actions, pair[1]);
    int failed =
        posix_spawn(&pid, program, &actions, NULL, (char *[]){program, "--version", NULL}, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pair[1]);
    for (ssize_t got; !failed && len < sizeof line - 1 &&
                      (got = read(pair[0], line + len, sizeof line - 1 - len)) > 0;)
        len += (size_t)got;
    close(pair[0]);
    if (!failed)
        waitpid(pid, NULL, 0);
    line[len] = '\0';
    line[strcspn(line, "\r\n")] = '\0';
    return *line ? text_copy(line) : NULL;
}

static char *runtime_version(const struct flags *flags)
{
    struct reason why;
    char *program = place_of_sidecar(flags_text(flags, "runtime-path"), &why);
    char *version = program ? first_line(program) : NULL;
    free(program);
    return version ? version : text_copy("n/a");
}

static void show_json(const char *runtime, struct text *page)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "Cli version", TRILBY_VERSION);
    cJSON_AddStringToObject(object, "Runtime version", runtime);
    char *printed = cJSON_PrintUnformatted(object);
    text_add(page, "%s\n", printed);
    cJSON_free(printed);
    cJSON_Delete(object);
}

int version_perform(const struct flags *flags)
{
    const char *format = flags_text(flags, "output");
    bool is_json = !strcmp(format, "json");
    if (!is_json && strcmp(format, "text")) {
        say(SAY_FAILURE, "--output takes text or json, not \"%s\"", format);
        return EXIT_USAGE;
    }
    struct text page = {0};
    char *runtime = runtime_version(flags);
    if (is_json)
        show_json(runtime, &page);
    else
        text_add(&page, "CLI version: %s \nRuntime version: %s\n", TRILBY_VERSION, runtime);
    say_bytes(STDOUT_FILENO, page.at, page.len);
    text_fini(&page);
    free(runtime);
    return 0;
}

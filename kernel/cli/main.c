/* main.c: trilby: which command, and with which flags.
 * Not the commands: each has a file of its own. */
#include "cli/command.h"
#include "cli/help.h"
#include "cli/say.h"

#include <string.h>

const struct flag common_flags[] = {
    {"help", 'h', FLAG_SWITCH, NULL, NULL, NULL, NULL, "Show this page."},
    {"log-as-json", 0, FLAG_SWITCH, NULL, NULL, "log-as-json", "DAPR_LOG_AS_JSON",
     "Print what trilby and the sidecar say as JSON, an object per line."},
    {"runtime-path", 0, FLAG_TEXT, "FOLDER", NULL, NULL, "DAPR_RUNTIME_PATH",
     "Where the sidecar's program and the default resources are looked for, instead of the home "
     "folder."},
    {0},
};

const struct command commands[] = {
    {"run", "run an application beside a sidecar", "run [options] [--] [COMMAND [ARGUMENT...]]",
     run_description, run_flags, run_sections, false, run_perform},
    {"list", "list the applications that run beside a sidecar", "list [options]",
     "Shows the running sidecars of the calling user on this machine, however they were started, "
     "with what they "
     "know of their applications. A sidecar protected by a token tells more when DAPR_API_TOKEN is "
     "set.",
     list_flags, list_sections, false, list_perform},
    {"stop", "stop applications and their sidecars", "stop [--app-id ID] [ID...]",
     "Stops what `trilby run` started, as Ctrl-C would, and waits until it is gone. A sidecar that "
     "was started "
     "without `trilby run` is stopped alone.",
     stop_flags, stop_sections, true, stop_perform},
    {"admin", "look into a running sidecar and change it", "admin COMMAND [ARGUMENT] [options]",
     admin_description, admin_flags, admin_sections, true, admin_perform},
    {"version", "show the versions of trilby and of the sidecar", "version [options]",
     "Shows the version of this program and that of the sidecar it would start; n/a when there is "
     "none.",
     version_flags, NULL, false, version_perform},
    {0},
};

static const struct command *find(const char *name)
{
    for (const struct command *c = commands; c->name; c++)
        if (!strcmp(c->name, name))
            return c;
    return NULL;
}

static int unknown(const char *name)
{
    say(SAY_FAILURE, "unknown command: %s. `trilby --help` shows the commands", name);
    return EXIT_USAGE;
}

static int help(const char *topic)
{
    if (!topic) {
        help_program();
        return 0;
    }
    const struct command *command = find(topic);
    if (!command)
        return unknown(topic);
    help_command(command);
    return 0;
}

static int perform(const struct command *command, const struct flags *flags)
{
    if (flags_is_on(flags, "help"))
        return help(command->name);
    if (!command->takes_words && command->perform != run_perform && flags->rest.count) {
        say(SAY_FAILURE, "trilby %s takes no arguments, but got \"%s\". See `trilby help %s`",
            command->name, flags->rest.at[0], command->name);
        return EXIT_USAGE;
    }
    say_as_json(flags_is_on(flags, "log-as-json"));
    return command->perform(flags);
}

static int dispatch(const struct command *command, char **words)
{
    struct flags flags;
    struct reason why;
    int status = EXIT_USAGE;
    if (flags_parse(&flags, command->flags, common_flags, words, command->takes_words, &why))
        status = perform(command, &flags);
    else
        say(SAY_FAILURE, "%s. See `trilby help %s`", why.text, command->name);
    flags_fini(&flags);
    return status;
}

/* Common flags may stand before the command; they are handed over to it. */
static int find_command(int count, char **words)
{
    for (int i = 1; i < count; i++) {
        if (words[i][0] != '-')
            return i;
        if (!strcmp(words[i], "--runtime-path"))
            i++;
    }
    return count;
}

int main(int count, char **words)
{
    int at = find_command(count, words);
    const char *first = at > 1 ? words[1] : NULL;
    if (at == count && (!first || !strcmp(first, "--help") || !strcmp(first, "-h")))
        return help(NULL);
    if (at == count && (!strcmp(first, "--version") || !strcmp(first, "-v")))
        return dispatch(find("version"), words + 2);
    if (at == count) {
        say(SAY_FAILURE, "no command, and nothing to do with %s. See `trilby --help`", first);
        return EXIT_USAGE;
    }
    if (!strcmp(words[at], "help"))
        return help(words[at + 1]);
    const struct command *command = find(words[at]);
    if (!command)
        return unknown(words[at]);
    memmove(words + 2, words + 1, (size_t)(at - 1) * sizeof *words);
    return dispatch(command, words + 2);
}

/* admin_table.c: the flags of `trilby admin` and the words of its manual page.
 * Not its commands: those are admin.c. */
#include "cli/command.h"

#define HEADING(words) {.help = words}

const struct flag admin_flags[] = {
    HEADING("Which sidecar (the only one with an admin listener when none is named)"),
    {"app-id", 'a', FLAG_TEXT, "ID", NULL, NULL, NULL, "The running sidecar of that application."},
    {"socket", 's', FLAG_TEXT, "PATH", NULL, NULL, NULL, "The Unix socket of its admin listener."},
    {"address", 0, FLAG_TEXT, "HOST:PORT", NULL, NULL, NULL,
     "The port of its admin listener on this machine: 127.0.0.1:PORT, [::1]:PORT or localhost:PORT."},
    {"token-file", 0, FLAG_TEXT, "FILE", NULL, NULL, NULL,
     "The file with the token of a port; needed with --address. A sidecar that was found has told its own."},
    HEADING("What is printed, and for how long it waits"),
    {"output", 'o', FLAG_TEXT, "FORMAT", "table", NULL, NULL, "table, or json: the answer of the sidecar as it is."},
    {"no-wait", 0, FLAG_SWITCH, NULL, NULL, NULL, NULL,
     "Do not wait until what was replaced or removed has gone; the change is in force all the same."},
    {"timeout", 0, FLAG_NUMBER, "SECONDS", "60", NULL, NULL,
     "How long the sidecar may take to answer, and after that the old one to go; 0: as long as it takes."},
    {0},
};

const char admin_description[] =
    "Looks into a running sidecar and changes it, through its admin listener: give the sidecar "
    "--admin-listen unix:/path (or, with --admin-token-file, a port of this machine) and it has one.\n"
    "A component or a plugin's code is changed while requests flow: the new one comes up beside the old "
    "one and takes over, then the old one is drained. When the new one does not come up, everything stays as it "
    "was, and the sentence says why. A change is not written to any file: after SIGHUP, or the next "
    "start, the resource files decide again.\n"
    "While the old one drains, what it waits for is said whenever that has changed.";

const struct section admin_sections[] = {
    {"COMMANDS",
     "plugins            the copies of plugins that are mapped, and who uses them\n"
     "components         every component, in any state\n"
     "component NAME     one component with its options; what may be a secret is not\n"
     "                   shown\n"
     "add FILE           the YAML of one component (- is standard input): it joins, or\n"
     "                   takes the place of the one of its name\n"
     "reload NAME        a new instance of a component takes over; its secrets are\n"
     "                   asked for again\n"
     "reload             the resource folders are read again; what is different there\n"
     "                   is applied, and the log tells what becomes of it\n"
     "remove NAME        takes a component out of service\n"
     "swap PLUGIN        reads a plugin's file again: everything that runs from it moves\n"
     "                   to the new copy, or nothing does. PLUGIN is the file without\n"
     "                   .so, such as state.redis or state\n"
     "features           version, build, plugin ABI, blocks, plugins, preview features\n"
     "process            memory, loops, workers, log\n"
     "log-level [LEVEL]  the level of the log; with debug, info, warn, error or fatal it\n"
     "                   is changed, until it is changed again or the process ends\n"
     "openapi            the OpenAPI description of the admin API, as JSON\n"},
    {"EXIT STATUS",
     "0  it was done, and the old one has gone (with --no-wait: may still be there)\n"
     "1  the sidecar did not do it: everything is as it was\n"
     "2  the command line made no sense\n"
     "3  nobody could be asked: no sidecar, nobody listens, no permission, wrong token,\n"
     "   or no answer in time\n"
     "4  it is in force, and the old one was still there after --timeout\n"},
    {"FILES",
     "Without --socket and --address the running sidecars of the calling user are\n"
     "looked at, as `trilby list` does, and the listener and the token file are taken\n"
     "from the command line of the one that has them.\n"},
    {"EXAMPLES",
     "trilby run --app-id orders --admin-listen unix:/run/orders/admin.sock -- ./orders\n"
     "trilby admin components\n"
     "trilby admin add orders-cache.yaml\n"
     "trilby admin swap state.redis --app-id orders\n"
     "trilby admin log-level debug --socket /run/orders/admin.sock\n"
     "trilby admin plugins -o json | jq -r '.plugins[].file'\n"},
    {"SEE ALSO", "trilby help run, trilby help list\n"},
    {0},
};

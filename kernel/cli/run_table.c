/* run_table.c: the flags of `trilby run` and the words of its manual page.
 * Not what becomes of them: that is plan.c. */
#include "cli/command.h"

#define HEADING(words) {.help = words}

const struct flag run_flags[] = {
    HEADING("The application"),
    {"app-id", 'a', FLAG_TEXT, "ID", NULL, "app-id", NULL,
     "The name by which others call the application. It has no dots. One is made up when it is "
     "left out."},
    {"app-port", 'p', FLAG_PORT, "PORT", NULL, "app-port", NULL,
     "The port the application listens on. Leave it out for an application that only calls."},
    {"app-protocol", 'P', FLAG_TEXT, "PROTOCOL", "http", "app-protocol", NULL,
     "What the application speaks on that port: http, https, h2c, grpc or grpcs."},
    {"app-channel-address", 0, FLAG_TEXT, "ADDRESS", "127.0.0.1", "app-channel-address", NULL,
     "The address the application listens on."},
    {"app-max-concurrency", 0, FLAG_NUMBER, "NUMBER", "-1", "app-max-concurrency", NULL,
     "How many calls the application gets at the same time; 0 and below mean no limit."},
    {"app-ssl", 0, FLAG_SWITCH, NULL, NULL, "app-ssl", NULL,
     "Deprecated: say --app-protocol https or grpcs."},
    HEADING("Health of the application"),
    {"enable-app-health-check", 0, FLAG_SWITCH, NULL, NULL, "enable-app-health-check", NULL,
     "Ask the application for its health, and send it work only while it is healthy."},
    {"app-health-check-path", 0, FLAG_TEXT, "PATH", "/healthz", "app-health-check-path", NULL,
     "The path that is asked, for HTTP applications."},
    {"app-health-probe-interval", 0, FLAG_NUMBER, "SECONDS", "5", "app-health-probe-interval", NULL,
     "How often it is asked."},
    {"app-health-probe-timeout", 0, FLAG_NUMBER, "MILLISECONDS", "500", "app-health-probe-timeout",
     NULL, "How long an answer may take; less than the interval."},
    {"app-health-threshold", 0, FLAG_NUMBER, "NUMBER", "3", "app-health-threshold", NULL,
     "How many bad answers in a row make it unhealthy."},
    HEADING("Ports of the sidecar (a free one is chosen for each that is left out)"),
    {"dapr-http-port", 'H', FLAG_PORT, "PORT", NULL, NULL, NULL, "The HTTP API."},
    {"dapr-grpc-port", 'G', FLAG_PORT, "PORT", NULL, NULL, NULL, "The gRPC API."},
    {"dapr-internal-grpc-port", 'I', FLAG_PORT, "PORT", NULL, NULL, NULL,
     "Calls from other sidecars."},
    {"metrics-port", 'M', FLAG_PORT, "PORT", NULL, NULL, NULL, "Metrics, as Prometheus text."},
    {"profile-port", 0, FLAG_PORT, "PORT", NULL, NULL, NULL,
     "Profiles; only with --enable-profiling."},
    {"enable-profiling", 0, FLAG_SWITCH, NULL, NULL, "enable-profiling", NULL,
     "Open the profile port."},
    {"dapr-listen-addresses", 0, FLAG_TEXT, "LIST", NULL, "dapr-listen-addresses", NULL,
     "The addresses on which the APIs listen, with commas between; all addresses when left out."},
    {"unix-domain-socket", 'u', FLAG_TEXT, "FOLDER", NULL, "unix-domain-socket", NULL,
     "Serve the APIs on dapr-ID-http.socket and dapr-ID-grpc.socket in this folder instead of "
     "ports."},
    HEADING("The admin listener of the sidecar"),
    {"admin-listen", 0, FLAG_TEXT, "ADDRESS", NULL, "admin-listen", NULL,
     "Where `trilby admin` finds it: unix:/path, or with --admin-token-file 127.0.0.1:PORT, "
     "[::1]:PORT or localhost:PORT. It has none when left out."},
    {"admin-token-file", 0, FLAG_TEXT, "FILE", NULL, "admin-token-file", NULL,
     "A file with the token for a port, 16 to 256 characters, that only its owner can read."},
    HEADING("Resources and configuration"),
    {"resources-path", 0, FLAG_LIST, "FOLDER", NULL, "resources-path", NULL,
     "A folder with components and other resources; see FILES for the one used when none is "
     "given."},
    {"components-path", 'd', FLAG_TEXT, "FOLDER", NULL, "components-path", NULL,
     "Deprecated: say --resources-path, which wins over it."},
    {"config", 'c', FLAG_LIST, "FILE", NULL, "config", NULL,
     "A configuration file; see FILES for the one used when none is given."},
    {"plugins-path", 0, FLAG_LIST, "FOLDER", NULL, "plugins-path", NULL,
     "One more folder in which the sidecar looks for plugins."},
    {"placement-host-address", 0, FLAG_TEXT, "HOST[:PORT]", NULL, NULL,
     "DAPR_PLACEMENT_HOST_ADDRESS",
     "The placement service for actors, port 50005 unless said. When left out, localhost:50005 if "
     "something "
     "listens there; otherwise the sidecar does without one."},
    {"scheduler-host-address", 0, FLAG_TEXT, "HOST[:PORT]", NULL, NULL,
     "DAPR_SCHEDULER_HOST_ADDRESS",
     "The scheduler for jobs and reminders, port 50006 unless said. When left out, localhost:50006 "
     "if something "
     "listens there; otherwise the sidecar does without one."},
    HEADING("Limits and logs"),
    {"max-body-size", 0, FLAG_TEXT, "QUANTITY", "4Mi", "max-body-size", NULL,
     "The largest body of a request, such as 16Mi; 0 means no limit."},
    {"read-buffer-size", 0, FLAG_TEXT, "QUANTITY", "4Ki", "read-buffer-size", NULL,
     "The largest head of a request, such as 16Ki."},
    {"dapr-http-max-request-size", 0, FLAG_NUMBER, "MEGABYTES", NULL, "dapr-http-max-request-size",
     NULL, "Deprecated: say --max-body-size."},
    {"dapr-http-read-buffer-size", 0, FLAG_NUMBER, "KILOBYTES", NULL, "dapr-http-read-buffer-size",
     NULL, "Deprecated: say --read-buffer-size."},
    {"dapr-graceful-shutdown-seconds", 0, FLAG_NUMBER, "SECONDS", "5",
     "dapr-graceful-shutdown-seconds", NULL,
     "How long the sidecar may take to finish what it has begun; 0 means as long as it needs."},
    {"enable-api-logging", 0, FLAG_SWITCH, NULL, NULL, "enable-api-logging", NULL,
     "Log every call of the API."},
    {"log-level", 0, FLAG_TEXT, "LEVEL", "info", "log-level", NULL,
     "How much the sidecar logs: debug, info, warn, error or fatal."},
    HEADING("Several applications"),
    {"run-file", 'f', FLAG_TEXT, "FILE", NULL, NULL, NULL,
     "Run the applications of a file. Not available yet."},
    {"kubernetes", 'k', FLAG_SWITCH, NULL, NULL, NULL, NULL,
     "Run in Kubernetes. Not available yet."},
    {0},
};

const char run_description[] = "Starts a sidecar, waits until it is ready, starts COMMAND with the "
                               "ports of the sidecar in its environment, "
                               "and shows what both print, each line with == DAPR == or == APP == "
                               "in front. Without a command only the "
                               "sidecar runs.\n"
                               "Ctrl-C stops both: first the application and everything it started "
                               "(SIGTERM, and SIGKILL after 5 seconds), "
                               "so that it can use its sidecar while it tidies up, then the "
                               "sidecar. A second Ctrl-C kills both at once. "
                               "When one of them ends, the other is stopped.\n"
                               "Options come before the command; everything from the first word "
                               "that is no option, or from --, belongs to "
                               "the command.";

const struct section run_sections[] = {
    {"ENVIRONMENT OF THE COMMAND",
     "APP_ID               the application's id\n"
     "APP_PORT             the application's port, when one was given\n"
     "APP_PROTOCOL         what it is expected to speak\n"
     "APP_CHANNEL_ADDRESS  where it is expected to listen\n"
     "DAPR_HTTP_PORT       the HTTP API\n"
     "DAPR_GRPC_PORT       the gRPC API\n"
     "DAPR_METRICS_PORT    the metrics\n"
     "PYTHONUNBUFFERED     1 unless set, so that lines of Python programs show when printed\n"},
    {"FILES",
     "The sidecar's program is trilbyd, beside trilby itself, then in ~/.trilby/bin,\n"
     "then in PATH. --runtime-path DIR looks in DIR/.trilby/bin, DIR/.dapr/bin,\n"
     "DIR/bin and DIR instead.\n"
     "\n"
     "~/.trilby/components, else ~/.dapr/components\n"
     "    The resources when none are named, if there is such a folder.\n"
     "~/.trilby/config.yaml, else ~/.dapr/config.yaml\n"
     "    The configuration when none is named, if there is such a file.\n"
     "\n"
     "Without them the sidecar starts with its built-in defaults. --runtime-path\n"
     "stands for ~ here too.\n"},
    {"EXIT STATUS",
     "That of the command, or 128 and the number of the signal that ended it.\n"
     "0    also when it was stopped by Ctrl-C, SIGTERM or `trilby stop`\n"
     "1    the sidecar could not start or ended first\n"
     "2    the command line made no sense\n"
     "126  the command cannot be run\n"
     "127  the command cannot be found\n"},
    {"EXAMPLES",
     "trilby run --app-id orders --app-port 8080 --dapr-http-port 3500 -- python app.py\n"
     "trilby run --app-id orders --app-port 50051 --app-protocol grpc -- ./orders\n"
     "trilby run --app-id probe --resources-path ./components\n"},
    {"SEE ALSO", "trilby help list, trilby help stop, trilby help admin\n"},
    {0},
};

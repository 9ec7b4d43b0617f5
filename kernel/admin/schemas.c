/* schemas: one table for each object that goes over the wire. Their writers are elsewhere: a test holds both together. */
#include <admin/schemas.h>
#include <base/check.h>

#define OPTIONAL .is_optional = true

static const struct schema_field error[] = {
    {"errorCode", "string", "For programs, such as NO_SUCH_COMPONENT."}, {"message", "string", "One sentence, for people."}, {0}};

static const struct schema_field done[] = {{"status", "done", "It is in force on every loop."}, {0}};

static const struct schema_field begun[] = {{"status", "begun", "It has begun; the log tells what becomes of it."}, {0}};

static const struct schema_field description[] = {
    {"openapi", "string", "The version of OpenAPI."}, {"info", "object", "What this is."},
    {"servers", "[]object", "Where it is."},          {"security", "[]object", "What a request needs."},
    {"paths", "object", "The calls."},                {"components", "object", "What the calls share."}, {0}};

static const struct schema_field index_call[] = {{"method", "GET|POST|PUT|DELETE", "Of HTTP."},
                                                 {"path", "string", "Its path, maybe with {name}."},
                                                 {"summary", "string", "What it does."}, {0}};

static const struct schema_field index_[] = {{"description", "string", "The path of the OpenAPI description."},
                                             {"calls", "[]#IndexCall", "In the order of the documentation."}, {0}};

static const struct schema_field build[] = {{"commit", "string", "Of the sources, or unknown."},
                                            {"compiler", "string", "That made it."}, {0}};

static const struct schema_field abi[] = {
    {"major", "integer", "Plugins for another one are refused."},
    {"minor", "integer", "Plugins for a greater one are refused."},
    {"block", "integer", "Building blocks have to be for exactly this one."}, {0}};

static const struct schema_field features[] = {
    {"appId", "string", "Whose sidecar this is."},
    {"version", "string", "Of the program."},
    {"build", "#Build", "How the program was made."},
    {"abi", "#Abi", "Which plugins it takes."},
    {"set", "string", "The set of building blocks: --set."},
    {"blocks", "[]string", "Building blocks in service."},
    {"plugins", "[]string", "Plugins that are mapped, by their names."},
    {"folders", "[]string", "Where plugins are looked for, in this order."},
    {"preview", "[]string", "Features of the Configuration that are on."}, {0}};

static const struct schema_field memory[] = {{"residentBytes", "integer", "In memory now."},
                                             {"peakBytes", "integer", "The most there ever was."}, {0}};

static const struct schema_field loop[] = {{"index", "integer", "0 is the main loop."},
                                           {"turns", "integer", "How often it has turned."}, {0}};

static const struct schema_field workers[] = {{"most", "integer", "How many threads there may be."},
                                              {"threads", "integer", "How many there are."},
                                              {"idle", "integer", "How many of them have nothing to do."}, {0}};

static const struct schema_field log_[] = {{"level", "debug|info|warn|error|fatal", "The least that is written."},
                                           {"dropped", "integer", "Lines lost because the output did not keep up."}, {0}};

static const struct schema_field process[] = {
    {"pid", "integer", "Of the process."},
    {"runtimeMs", "integer", "Since this runtime was asked to start; SIGHUP begins anew."},
    {"memory", "#Memory", "Of the process, by the system's word."},
    {"loops", "[]#Loop", "The event loops."},
    {"workers", "#Workers", "The threads for what blocks."},
    {"log", "#Log", "What became of its lines."}, {0}};

static const struct schema_field log_level[] = {{"level", "debug|info|warn|error|fatal", "The least that is written."},
                                                {"levels", "[]string", "Those there are, from the most talkative."}, {0}};

static const struct schema_field log_level_change[] = {{"level", "debug|info|warn|error|fatal", "The least to be written."}, {0}};

static const struct schema_field pins[] = {
    {"calls", "integer", "Calls that it has not answered."},
    {"buffers", "integer", "Pieces of memory of its own that others still read."},
    {"other", "integer", "Open streams, and requests that have found it."},
    {"oldestMs", "integer", "Age of the oldest unanswered call; 0 without one."}, {0}};

static const struct schema_field leaving[] = {{"kind", "component|block", "What it is."},
                                              {"name", "string", "Of the component or the block."},
                                              {"pins", "#Pins", "What it waits for."},
                                              {"leavingMs", "integer", "For how long it has been draining."}, {0}};

static const struct schema_field plugin[] = {
    {"file", "string", "Its name in its folder."},
    {"path", "string", "The file it was read from."},
    {"version", "string", "As the plugin says."},
    {"copy", "integer", "Which reading of any plugin it was, from 1."},
    {"newest", "boolean", "New components run from this copy."},
    {"blocks", "[]string", "The building blocks in it."},
    {"components", "[]string", "The components that run from it, leaving ones too."},
    {"users", "integer", "How many blocks and components hold this copy; an old copy without any has drained."},
    {"leaving", "[]#Leaving", "What of it is draining."}, {0}};

static const struct schema_field plugins[] = {{"plugins", "[]#Plugin", "Newest first."}, {0}};

#define COMPONENT_FIELDS                                                                                                    \
    {"name", "string", "Its metadata.name."}, {"type", "string", "Such as state.redis."},                                   \
        {"version", "string", "As the document says; empty when it does not."},                                             \
        {"state", "waiting|parked|resolving|starting|live|failed|leaving", "Where it is in its life."},                     \
        {"why", "string", "Of a failed one.", OPTIONAL},                                                                    \
        {"copy", "integer", "The copy of its plugin that it runs from.", OPTIONAL},                                         \
        {"lost", "boolean", "It has said that its product cannot be reached just now.", OPTIONAL},                          \
        {"isolated", "#Isolated", "Of one that runs in a process of its own: that process.", OPTIONAL},                     \
        {"pins", "#Pins", "What holds it.", OPTIONAL},                                                                      \
        {"leavingMs", "integer", "Of a leaving one: for how long it has been draining.", OPTIONAL},                         \
        {"story", "string", "Of a leaving one: its pins as a sentence.", OPTIONAL}

static const struct schema_field isolated[] = {{"pid", "integer", "Of the process; 0 while there is none."},
                                               {"restarts", "integer", "How many were started in the place of one that ended."},
                                               {"residentBytes", "integer", "In memory now."},
                                               {"cpuMs", "integer", "Processor time that it has used."}, {0}};

static const struct schema_field component[] = {COMPONENT_FIELDS, {0}};
static const struct schema_field components[] = {{"components", "[]#Component", "In the order of their documents."}, {0}};
static const struct schema_field component_in_full[] = {
    COMPONENT_FIELDS, {"options", "[]#Option", "Those of its type and what else its document says; once it has started.", OPTIONAL}, {0}};

static const struct schema_field option[] = {
    {"name", "string", "As the component's type spells it."},
    {"type", "string|boolean|integer|bytes|duration|choice|number|open|unknown",
     "open: one of any name; unknown: the type has no such option, its block may read it."},
    {"source", "resource|default|none", "Where the value is from; none: there is none."},
    {"redacted", "boolean", "There is a value, and it is not shown."},
    {"value", "string", "As it was written, templates filled in.", OPTIONAL}, {0}};

static const struct schema table[] = {
    {"Error", "Why it was not done.", error},
    {"Done", "It was done.", done},
    {"Begun", "It has begun.", begun},
    {"Description", "An OpenAPI document.", description},
    {"Index", "The calls.", index_},
    {"IndexCall", "One call.", index_call},
    {"Features", "What this sidecar is.", features},
    {"Build", "How a program was made.", build},
    {"Abi", "The contract with plugins.", abi},
    {"Process", "Figures of the process.", process},
    {"Memory", "In bytes.", memory},
    {"Loop", "An event loop.", loop},
    {"Workers", "A pool of threads.", workers},
    {"Log", "The log.", log_},
    {"LogLevel", "How much is logged.", log_level},
    {"LogLevelChange", "How much shall be logged.", log_level_change},
    {"Plugins", "Copies of plugins.", plugins},
    {"Plugin", "A copy of a plugin.", plugin},
    {"Leaving", "A component or a block that drains.", leaving},
    {"Components", "Components.", components},
    {"Component", "A component.", component},
    {"ComponentInFull", "A component with its options.", component_in_full},
    {"Isolated", "The process of an isolated component.", isolated},
    {"Option", "An option of a component.", option},
    {"Pins", "What holds a component or a block in memory.", pins},
};

const struct schema *schemas_all(size_t *ret_count)
{
    *ret_count = countof(table);
    return table;
}

/* command: parsing, without surprises: unknown words are refused with the one that was meant. */
#include "command.h"
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SET = 1000, SECRET, KEY, RESOLVE, ORDERED, NO_ROLLBACK, PLAIN_KEYS, KEEPS_NOTHING, FOREIGN, JUNIT, ONLY, LIST, TYPE,
    RELEASE, LIMIT, PATIENCE, DESCRIBE, HERE, VERSION, CHANGE, THREADS
};

static const struct option words[] = {
    {"config", required_argument, NULL, 'c'},      {"set", required_argument, NULL, SET},
    {"secret", required_argument, NULL, SECRET},   {"resolve", required_argument, NULL, RESOLVE},
    {"key", required_argument, NULL, KEY},
    {"ordered", no_argument, NULL, ORDERED},       {"no-rollback", no_argument, NULL, NO_ROLLBACK},
    {"plain-keys", no_argument, NULL, PLAIN_KEYS}, {"keeps-nothing", no_argument, NULL, KEEPS_NOTHING},
    {"foreign-descriptors", no_argument, NULL, FOREIGN}, {"junit", required_argument, NULL, JUNIT},
    {"only", required_argument, NULL, ONLY},       {"list", no_argument, NULL, LIST},
    {"type", required_argument, NULL, TYPE},       {"component-version", required_argument, NULL, RELEASE},
    {"limit", required_argument, NULL, LIMIT},     {"patience", required_argument, NULL, PATIENCE},
    {"describe", optional_argument, NULL, DESCRIBE}, {"no-fork", no_argument, NULL, HERE},
    {"change", required_argument, NULL, CHANGE},   {"foreign-threads", required_argument, NULL, THREADS},
    {"verbose", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},              {"version", no_argument, NULL, VERSION},
    {0},
};

static bool take_pair(const char *text, struct trb_pair *ret)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text)
        return false;
    *ret = (struct trb_pair){name_of(strndup(text, (size_t)(equals - text))), name_of(equals + 1)};
    return true;
}

static bool take_set(struct command *c, const char *text)
{
    return c->set_count < sizeof c->sets / sizeof c->sets[0] && take_pair(text, &c->sets[c->set_count++]);
}

static bool take_seconds(const char *text, uint64_t *ret)
{
    return slice_to_u64(slice_of(text), ret) && *ret > 0 && *ret <= 3600;
}

static bool is_form(const char *text)
{
    return !strcmp(text, "markdown") || !strcmp(text, "schema") || !strcmp(text, "metadata");
}

static bool take(struct command *c, int word)
{
    switch (word) {
    case 'c': c->config = optarg; return true;
    case 'v': c->verbose = true; return true;
    case 'h': c->help = true; return true;
    case SET: return take_set(c, optarg);
    case SECRET:
        return c->secret_count < 16 && strchr(optarg, '=') ? (c->secrets[c->secret_count++] = optarg, true) : false;
    case CHANGE: c->change = optarg; return true;
    case KEY:
        return c->key_count < 64 && strchr(optarg, '=') ? (c->keys[c->key_count++] = optarg, true) : false;
    case RESOLVE: c->resolve = optarg; return true;
    case ORDERED: c->ordered = true; return true;
    case FOREIGN: c->foreign_descriptors = true; return true;
    case THREADS: return slice_to_u64(slice_of(optarg), &c->foreign_threads) && c->foreign_threads <= 16;
    case NO_ROLLBACK: c->no_rollback = true; return true;
    case PLAIN_KEYS: c->plain_keys = true; return true;
    case KEEPS_NOTHING: c->keeps_nothing = true; return true;
    case JUNIT: c->junit = optarg; return true;
    case ONLY: c->only = optarg; return true;
    case LIST: c->list = true; return true;
    case TYPE: c->type = optarg; return true;
    case RELEASE: c->version = optarg; return true;
    case LIMIT: return take_seconds(optarg, &c->limit_s);
    case PATIENCE: return take_seconds(optarg, &c->patience_s);
    case DESCRIBE: c->describe = optarg ? optarg : "markdown"; return is_form(c->describe);
    case HERE: c->in_this_process = true; return true;
    case VERSION: c->show_version = true; return true;
    default: return false;
    }
}

static int complain(const char *what, const char *detail)
{
    fprintf(stderr, "trilby-conform: %s%s (see trilby-conform --help)\n", what, detail ? detail : "");
    return 2;
}

int command_parse(int argc, char **argv, struct command *ret)
{
    int word;
    *ret = (struct command){.limit_s = 120, .patience_s = 20};
    while ((word = getopt_long(argc, argv, ":c:vh", words, NULL)) != -1) {
        if (word == '?' || word == ':')
            return complain(word == ':' ? "a value is missing after " : "there is no option ", argv[optind - 1]);
        if (!take(ret, word))
            return complain("its value is not accepted: ", argv[optind - 1]);
    }
    if (optind < argc)
        ret->plugin = argv[optind++];
    return optind < argc ? complain("one plugin at a time; this is another: ", argv[optind]) : 0;
}

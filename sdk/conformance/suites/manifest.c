/* manifest: what can be judged without starting anything. */
#include "../judge.h"
#include <ctype.h>
#include <dlfcn.h>
#include <trilby/options.h>

static bool is_sentence(const char *text)
{
    size_t len = text ? strlen(text) : 0;
    return len > 3 && (text[len - 1] == '.' || text[len - 1] == '!') && !strchr(text, '\n');
}

static void names_and_versions(struct test *t)
{
    const struct trb_plugin *m = t->subject->plugin->manifest;
    const struct trb_component *c = t->subject->component;
    size_t block = strlen(c->block);
    EXPECT(t, m->name && *m->name && m->version && *m->version && m->license && *m->license,
           "the manifest lacks its name, version or license");
    EXPECT(t, !strncmp(c->type, c->block, block) && c->type[block] == '.', "the type %s does not begin with its block %s.",
           c->type, c->block);
    for (const char *p = c->type; *p; p++)
        EXPECT(t, islower((unsigned char)*p) || isdigit((unsigned char)*p) || strchr(".-", *p),
               "the type %s has '%c': [a-z0-9.-] only", c->type, *p);
    EXPECT(t, c->version && c->version[0] == 'v', "the version is not v1, v2, …");
    EXPECT(t, is_sentence(c->summary), "the summary is not a sentence with a full stop");
}

static void a_way_to_run(struct test *t)
{
    const struct trb_component *c = t->subject->component;
    EXPECT(t, c->run >= TRB_ON_LOOP && c->run <= TRB_ANYWHERE, "run is %u, which is none of the four ways", c->run);
    EXPECT(t, c->run != TRB_ON_WORKERS || c->max_parallel > 0, "it runs on workers and does not say max_parallel");
    EXPECT(t, c->self_size > 0 && c->self_size < 1u << 20, "self_size is %zu", c->self_size);
    EXPECT(t, c->start && c->stop, "start or stop is missing");
}

static void one_symbol(struct test *t)
{
    static const char *const common[] = {"main", "get", "set", "start", "stop", "init", "options", "ops"};
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++) {
        void *at = dlsym(t->subject->plugin->handle, common[i]);
        Dl_info where, own;
        bool is_own = at && dladdr(at, &where) && dladdr(t->subject->plugin->manifest, &own) &&
                      where.dli_fbase == own.dli_fbase;
        EXPECT(t, !is_own, "it exports '%s': link with the version script that keeps all but trilby_plugin_v1 local",
               common[i]);
    }
}

static void promises_have_their_verb(struct test *t)
{
    const struct subject *s = t->subject;
    uint32_t known = 0;
    for (; s->facts->block.cap_names[known]; known++) {
        const char *verb = s->facts->block.cap_verbs[known];
        if (s->component->caps & (1ull << known) && *verb)
            EXPECT(t, shim_has(verb), "it promises %s and has no verb %s", s->facts->block.cap_names[known], verb);
    }
    EXPECT(t, known >= 64 || !(s->component->caps >> known), "it promises bits that block %s does not know",
           s->facts->block.name);
}

static void streams_can_end(struct test *t)
{
    const struct trb_component *c = t->subject->component;
    for (uint32_t i = 0; i < t->subject->facts->block.verb_count; i++) {
        const struct trb_verb_info *v = &t->subject->facts->block.verbs[i];
        if (!(v->flags & TRB_VERB_STREAM) || !shim_has(v->name))
            continue;
        EXPECT(t, c->cancel, "%s is a stream and there is no cancel to end it", v->name);
        EXPECT(t, c->settle, "%s is a stream and there is no settle", v->name);
        EXPECT(t, c->resume, "%s is a stream and there is no resume", v->name);
    }
}

/* -------------------------------------------------------------------------------- the options */
static const struct trb_option *option(const struct trb_component *c, size_t i)
{
    return (const struct trb_option *)(const void *)((const char *)(const void *)c->options + i * c->option_size);
}

static size_t width(uint32_t type)
{
    switch (type) {
    case TRB_OPTION_STRING: return sizeof(const char *);
    case TRB_OPTION_BOOL:
    case TRB_OPTION_CHOICE: return sizeof(uint32_t);
    case TRB_OPTION_OPEN: return 0;
    default: return 8;
    }
}

static void options_are_documented(struct test *t)
{
    const struct trb_component *c = t->subject->component;
    for (size_t i = 0; i < c->option_count; i++) {
        const struct trb_option *o = option(c, i);
        EXPECT(t, o->name && *o->name, "option %zu has no name", i);
        EXPECT(t, is_sentence(o->doc), "option %s: its doc is not a sentence with a full stop", o->name);
        EXPECT(t, o->type != TRB_OPTION_CHOICE || (o->choices && strchr(o->choices, '|')),
               "option %s: a choice needs choices (\"a|b\")", o->name);
        for (size_t k = 0; k < i; k++)
            EXPECT(t, strcasecmp(o->name, option(c, k)->name), "option %s stands twice", o->name);
    }
}

static void options_lie_inside_self(struct test *t)
{
    const struct trb_component *c = t->subject->component;
    EXPECT(t, !c->option_count || c->option_size >= offsetof(struct trb_option, empty_is_absent),
           "option_size is %zu: use TRB_SELF", c->option_size);
    for (size_t i = 0; i < c->option_count; i++) {
        const struct trb_option *o = option(c, i);
        EXPECT(t, o->type >= TRB_OPTION_STRING && o->type <= TRB_OPTION_OPEN, "option %s has no known type", o->name);
        EXPECT(t, o->type == TRB_OPTION_OPEN || o->member_size == width(o->type), "option %s: its member has %u bytes",
               o->name, o->member_size);
        EXPECT(t, o->offset + o->member_size <= c->self_size, "option %s lies outside of self", o->name);
        EXPECT(t, !(o->required && o->fallback), "option %s is required and has a fallback", o->name);
    }
}

static void secrets_are_marked(struct test *t)
{
    static const char *const words[] = {"password", "secretkey", "clientsecret", "privatekey", "passphrase"};
    const struct trb_component *c = t->subject->component;
    for (size_t i = 0; i < c->option_count; i++)
        for (size_t w = 0; w < sizeof words / sizeof words[0]; w++)
            EXPECT(t, !strcasestr(option(c, i)->name, words[w]) || option(c, i)->sensitive ||
                          option(c, i)->type == TRB_OPTION_BOOL,
                   "option %s looks like a secret and is not .sensitive", option(c, i)->name);
}

const struct test_case suite_manifest[] = {
    {"manifest", "has names, versions and a summary", names_and_versions, .starts_itself = 1},
    {"manifest", "chooses a way to run", a_way_to_run, .starts_itself = 1},
    {"manifest", "exports its manifest and nothing else", one_symbol, .starts_itself = 1},
    {"manifest", "has the verb of each promise", promises_have_their_verb, .starts_itself = 1},
    {"manifest", "can end, settle and resume its streams", streams_can_end, .starts_itself = 1},
    {"manifest", "documents each option in a sentence", options_are_documented, .starts_itself = 1},
    {"manifest", "keeps its options inside self", options_lie_inside_self, .starts_itself = 1},
    {"manifest", "marks secrets as sensitive", secrets_are_marked, .starts_itself = 1},
    {0},
};

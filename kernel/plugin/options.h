/* options: a component's option table against what the YAML said: validate everything, fill the
 * members, say all problems at once. [any] */
#ifndef PLUGIN_OPTIONS_H
#define PLUGIN_OPTIONS_H

#include <base/arena.h>
#include <base/text.h>
#include <trilby/plugin.h>
#include <trilby/options.h>

struct options_input {
    struct trb_pairs properties;             /* resolved; keys as written */
    const char *const *places;               /* file:line of each, or NULL */
    const char *place;                       /* file:line of the whole, for what is missing; or NULL */
    const char *component;                   /* "orders", for the sentences */
    const char *others;                      /* names that somebody else reads, separated by '|', or NULL */
};

/* Texts are put into keep, which lives as long as self. Problems are joined by "; ". Unknown names
 * are reported through warn (may be NULL). */
trb_code options_fill(const struct trb_component *, const struct options_input *, void *self,
                      struct arena *keep, void (*warn)(void *arg, const char *sentence), void *arg,
                      struct trb_error *err);
bool options_is_sensitive(const struct trb_component *, struct trb_slice name);

struct options_shown {
    struct trb_pairs properties;             /* as above */
    bool (*hides)(void *arg, struct trb_slice name);     /* this one came from where secrets live; may be NULL */
    void *arg;
};
/* [{"name":"redisHost","type":"string","source":"resource","redacted":false,"value":"localhost:6379"}, …]:
 * every option of the table and every other property. source: "resource", "default" or "none" (it has no
 * value). A value that is sensitive, hidden, or of a name the table does not know is left out: redacted. */
void options_write(const struct trb_component *, const struct options_shown *, struct text *json);

#endif

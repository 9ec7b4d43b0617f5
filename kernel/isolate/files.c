/* files: paths are looked for where values may hold them: as the whole of it, behind file:, and between what
 * separates the words of connection strings. */
#include <base/slice.h>
#include <isolate/files.h>
#include <limits.h>
#include <plugin/options_table.h>
#include <stdio.h>
#include <sys/stat.h>

#define MOST 64u

struct found {
    struct arena *arena;
    struct trb_pair *at;
    uint32_t count;
};

static void add(struct found *f, struct trb_slice path, const char *how)
{
    for (uint32_t i = 0; i < f->count; i++)
        if (slice_is(slice_name(f->at[i].key), path) && slice_is(slice_name(f->at[i].value), slice_of(how)))
            return;
    if (f->count < MOST)
        f->at[f->count++] = arena_pair(f->arena, path, slice_of(how));
}

static bool is_folder(const char *path)
{
    struct stat st;
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* file:/x?mode=ro, file:///x: /x. false: it is no path for this system. */
static bool path_of(struct trb_slice word, char ret[PATH_MAX])
{
    word = slice_trim(word);
    if (slice_starts(word, SLICE("file:"))) {
        word = slice_skip(word, 5);
        word = slice_skip(word, slice_starts(word, SLICE("///")) ? 2 : 0);
    }
    const char *query = word.len ? memchr(word.at, '?', word.len) : NULL;
    word = query ? slice_cut(word, (size_t)(query - word.at)) : word;
    if (!word.len || word.len >= PATH_MAX || memchr(word.at, 0, word.len) || word.at[0] == ':')
        return false;
    snprintf(ret, PATH_MAX, "%.*s", SLICE_ARG(word));
    return true;
}

static size_t back_over(const char *path, size_t len, bool slashes)
{
    while (len && (path[len - 1] == '/') == slashes)
        len--;
    return len;
}

/* The folder above. false: there is none, or it is the root of everything. */
static bool go_up(char *path)
{
    if (!strcmp(path, "."))
        return false;
    size_t len = back_over(path, back_over(path, back_over(path, strlen(path), true), false), true);
    if (!len && path[0] == '/')
        return false;
    if (!len)
        path[len++] = '.';
    path[len] = 0;
    return true;
}

/* ------------------------------------------------------------------------------------- to be written */
/* What is not there yet is made in the nearest folder that is. */
static void write_beneath(struct found *f, struct trb_slice value)
{
    char path[PATH_MAX];
    if (!path_of(value, path))
        return;
    bool is_there = true;
    while (is_there && !is_folder(path))
        is_there = go_up(path);
    if (is_there)
        add(f, slice_of(path), "w");
}

/* ---------------------------------------------------------------------------------------- to be read */
static void read_one(struct found *f, struct trb_slice word)
{
    char path[PATH_MAX];
    struct stat st;
    if (!path_of(word, path) || stat(path, &st) || !strcmp(path, "/"))
        return;
    add(f, slice_of(path), "r");
    if (!S_ISDIR(st.st_mode) && strchr(path, '/') && go_up(path))
        add(f, slice_of(path), "r");
}

static void read_words(struct found *f, struct trb_slice value)
{
    size_t from = 0;
    read_one(f, value);
    for (size_t i = 0; i <= value.len; i++)
        if (i == value.len || strchr(" \n;,&=\"'()", value.at[i])) {
            struct trb_slice word = slice_from(value.at + from, i - from);
            if (word.len < value.len)
                read_one(f, word);
            from = i + 1;
        }
}

/* ------------------------------------------------------------------------------------------ options */
static bool is_written(const struct trb_component *c, const struct trb_option *o)
{
    return o && TRB_HAS(c, writes) && names_have(c->writes, slice_of(o->name));
}

static void look_at(struct found *f, const struct trb_component *c, const struct trb_option *o, struct trb_slice value)
{
    if (is_written(c, o))
        write_beneath(f, value);
    else if (value.len)
        read_words(f, value);
}

struct trb_pairs files_named(struct arena *a, const struct trb_component *real, const struct trb_pairs *properties,
                             struct trb_slice more)
{
    struct found f = {a, arena_zero(a, MOST * sizeof *f.at), 0};
    while (more.len)
        write_beneath(&f, slice_split(&more, ','));
    for (uint32_t i = 0; i < properties->count; i++) {
        const struct trb_pair *p = trb_pair_at(properties, i);
        look_at(&f, real, option_find(real, slice_name(p->key)), slice_name(p->value));
    }
    for (size_t i = 0; i < real->option_count; i++)
        look_at(&f, real, option_at(real, i), slice_of(option_at(real, i)->fallback));
    return (struct trb_pairs){f.at, f.count, sizeof *f.at};
}

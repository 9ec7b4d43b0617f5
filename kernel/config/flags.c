/* flags: argv into struct flags. What the values mean together is flags_check.c's. */
#include <base/error.h>
#include <base/slice.h>
#include <config/flags_table.h>

const struct flag_row flag_rows[] = {
#define FLAG(member_, name_, type_, fallback_, effect_, help_)                                      \
    {.name = name_, .fallback = fallback_, .help = help_, .type = FLAG_IS_##type_,                  \
     .effect = FLAG_##effect_, .member = offsetof(struct flags, member_),                           \
     .given = offsetof(struct flags, given.member_)},
#include <config/flags.def>
#undef FLAG
};
const uint32_t flag_row_count = sizeof flag_rows / sizeof flag_rows[0];

static void fill_defaults(struct flags *flags)
{
    struct text unused = {0};
    for (uint32_t i = 0; i < flag_row_count; i++) {
        const struct flag_row *row = &flag_rows[i];
        if (row->type == FLAG_IS_TRISTATE)
            *(int32_t *)((char *)flags + row->member) = -1;
        else
            flag_read(flags, row, slice_of(row->fallback), &unused);
    }
    text_fini(&unused);
}

static const struct flag_row *find_row(struct trb_slice name)
{
    for (uint32_t i = 0; i < flag_row_count; i++)
        if (slice_is(name, slice_of(flag_rows[i].name)))
            return &flag_rows[i];
    return NULL;
}

static int usage(struct trb_error *err, const char *what, struct trb_slice word)
{
    error_set(err, TRB_INVALID, "FLAGS", "%s%.*s", what, SLICE_ARG(word));
    return FLAGS_USAGE;
}

/* The first of a list's flags takes the place of its default; later ones are added. */
static int take(struct flags *flags, const struct flag_row *row, struct trb_slice value, struct trb_error *err)
{
    bool *given = flag_given(flags, row);
    if (row->type == FLAG_IS_LIST && !*given)
        *(struct flag_list *)((char *)flags + row->member) = (struct flag_list){0};
    struct text why = {0}, shown = {0};
    bool good = flag_read(flags, row, value, &why);
    text_add_quoted(&shown, value);
    if (!good)
        error_set(err, TRB_INVALID, "FLAGS", "invalid argument %s for \"--%s\" flag: %s", shown.at, row->name,
                  why.at);
    text_fini(&why);
    text_fini(&shown);
    *given = true;
    return good ? FLAGS_RUN : FLAGS_USAGE;
}

struct words {
    char *const *at;
    int left;
};

static int read_flag(struct flags *flags, struct trb_slice word, struct words *rest, struct trb_error *err)
{
    struct trb_slice value = word, name = slice_split(&value, '=');
    if (!name.len || name.at[0] == '-')
        return usage(err, "bad flag syntax: --", word);
    const struct flag_row *row = find_row(name);
    if (!row)
        return usage(err, "unknown flag: --", name);
    bool is_switch = row->type == FLAG_IS_BOOL || row->type == FLAG_IS_TRISTATE;
    if (!value.at && is_switch)
        value = SLICE("true");
    if (!value.at && !rest->left)
        return usage(err, "flag needs an argument: --", name);
    if (!value.at) {
        value = slice_of(*rest->at++);
        rest->left--;
    }
    return take(flags, row, value, err);
}

/* "-x": no flag has a short name but help. "-app-id" is "--app-id". */
static int read_word(struct flags *flags, struct trb_slice word, struct words *rest, struct trb_error *err)
{
    if (word.len < 2 || word.at[0] != '-')
        return FLAGS_RUN;                      /* not a flag: nobody reads it */
    if (word.at[1] == '-')
        return read_flag(flags, slice_skip(word, 2), rest, err);
    if (word.len > 2)
        return read_flag(flags, slice_skip(word, 1), rest, err);
    if (word.at[1] == 'h')
        return FLAGS_HELP;
    error_set(err, TRB_INVALID, "FLAGS", "unknown shorthand flag: '%c' in %.*s", word.at[1], SLICE_ARG(word));
    return FLAGS_USAGE;
}

static void split_into(struct flags *flags, struct flag_list *list, struct trb_name text, char separator)
{
    struct trb_slice rest = slice_name(text);
    while (rest.at) {
        struct trb_slice part = slice_trim(slice_split(&rest, separator));
        if (part.len)
            flag_list_add(flags, list, part);
    }
}

static void apply_environment(struct flags *flags, const struct environment *env)
{
    if (!flags->given.control_plane_trust_domain && env->controlplane_trust_domain.at)
        flags->control_plane_trust_domain =
            arena_name(flags->arena, slice_name(env->controlplane_trust_domain));
    if (!flags->given.control_plane_namespace && env->controlplane_namespace.at)
        flags->control_plane_namespace = arena_name(flags->arena, slice_name(env->controlplane_namespace));
    if (!flags->given.scheduler_address)
        split_into(flags, &flags->scheduler_address, env->scheduler_dns, ',');
    flags->plugin_folders = flags->plugins_path;
    split_into(flags, &flags->plugin_folders, env->plugins_path, ':');
}

/* Lists that only flags say; those that depend on meaning are made in flags_check. */
static void derive_lists(struct flags *flags)
{
    flags->resources = flags->resources_path;
    if (!flags->resources.count && flags->components_path.len)
        flag_list_add(flags, &flags->resources, slice_name(flags->components_path));
    split_into(flags, &flags->listen, flags->listen_addresses, ',');
}

int flags_parse(int argc, char *const argv[], const struct environment *env, struct flags *flags,
                struct trb_error *err)
{
    *flags = (struct flags){.arena = arena_create(SIZE_MAX)};
    fill_defaults(flags);
    struct words rest = {argv + 1, argc > 0 ? argc - 1 : 0};
    while (rest.left) {
        struct trb_slice word = slice_of(*rest.at++);
        rest.left--;
        if (slice_is(word, SLICE("--")))
            break;
        int verdict = read_word(flags, word, &rest, err);
        if (verdict != FLAGS_RUN)
            return verdict;
    }
    if (flags->help)
        return FLAGS_HELP;
    apply_environment(flags, env);
    derive_lists(flags);
    return FLAGS_RUN;
}

void flags_fini(struct flags *flags)
{
    arena_destroy(flags->arena);
    *flags = (struct flags){0};
}

/* A switch that stays off asks for nothing. */
static bool asks(const struct flags *flags, const struct flag_row *row)
{
    return *flag_given(flags, row) && (row->type != FLAG_IS_BOOL || *(const bool *)((const char *)flags + row->member));
}

const char *flags_without_effect(const struct flags *flags, uint32_t i)
{
    for (uint32_t row = 0; row < flag_row_count; row++)
        if (flag_rows[row].effect == FLAG_LATER && asks(flags, &flag_rows[row]) && i-- == 0)
            return flag_rows[row].name;
    return NULL;
}

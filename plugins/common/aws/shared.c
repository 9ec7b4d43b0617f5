/* shared: the files that Amazon's tools share: ~/.aws/credentials, ~/.aws/config. Of a profile the keys and the
 * region count; programs, sign-on and roles of a profile are not followed. */
#include <aws/aws_inside.h>
#include <base/mem.h>
#include <base/slice.h>
#include <http/small_file.h>

struct profile {
    struct trb_slice id, secret, token, region;
};

/* [name] in credentials, [profile name] or [default] in config. */
static bool is_section(struct trb_slice line, struct trb_slice name)
{
    line = slice_trim(slice_cut(slice_skip(line, 1), line.len - 2));
    if (slice_starts(line, SLICE("profile ")))
        line = slice_trim(slice_skip(line, 8));
    return slice_is(line, name);
}

static void read_line(struct profile *p, struct trb_slice line)
{
    static const char *const names[] = {"aws_access_key_id", "aws_secret_access_key", "aws_session_token", "region"};
    struct trb_slice *to[] = {&p->id, &p->secret, &p->token, &p->region};
    struct trb_slice value = line, name = slice_trim(slice_split(&value, '='));
    for (size_t n = 0; value.at && n < 4; n++)
        if (slice_is_nocase(name, slice_of(names[n])) && !to[n]->at)
            *to[n] = slice_trim(value);
}

static void read_profile(struct trb_slice text, struct trb_slice name, struct profile *p)
{
    bool is_ours = false;
    while (text.at) {
        struct trb_slice line = slice_trim(slice_split(&text, '\n'));
        if (slice_starts(line, SLICE("[")) && slice_ends(line, SLICE("]")))
            is_ours = is_section(line, name);
        else if (is_ours && line.len && line.at[0] != '#' && line.at[0] != ';')
            read_line(p, line);
    }
}

static void read_one(const char *variable, const char *usual, struct text *ret)
{
    struct trb_error unused = {.size = sizeof unused};
    const char *path = env_of(variable), *home = env_of("HOME");
    struct text full = {0};
    if (path)
        text_adds(&full, path);
    else if (home)
        text_addf(&full, "%s/.aws/%s", home, usual);
    if (full.len)
        small_file_read("aws", full.at, ret, &unused);  /* not there: the next source */
    text_fini(&full);
}

void shared_read(struct text *ret_keys, char **ret_region)
{
    struct text credentials = {0}, config = {0};
    struct trb_slice name = slice_of(env_of("AWS_PROFILE"));
    struct profile p = {0};
    if (!name.at)
        name = SLICE("default");
    read_one("AWS_SHARED_CREDENTIALS_FILE", "credentials", &credentials);
    read_one("AWS_CONFIG_FILE", "config", &config);
    read_profile(text_slice(&credentials), name, &p);
    read_profile(text_slice(&config), name, &p);
    if (p.id.len && p.secret.len)
        keys_join(ret_keys, p.id, p.secret, p.token);
    if (p.region.len)
        *ret_region = mem_text(p.region.at, p.region.len);
    small_file_wipe(&credentials);
    small_file_wipe(&config);
}

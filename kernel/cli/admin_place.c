/* admin_place.c: what was named, or else the one running sidecar that has an admin listener.
 * Not a guess: of several, one has to be named. */
#include "cli/admin_place.h"
#include "cli/sidecars.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TOKEN = 4096 };

static bool set_socket(struct admin_place *p, const char *path, struct reason *why)
{
    if (strlen(path) >= sizeof p->http.socket)
        return reason_set(why, "the path of the socket is too long, it has at most %zu characters: %s",
                          sizeof p->http.socket - 1, path);
    snprintf(p->http.socket, sizeof p->http.socket, "%s", path);
    p->name = text_copy(path);
    return true;
}

static bool set_address(struct admin_place *p, const char *address, struct reason *why)
{
    const char *colon = strrchr(address, ':');
    int64_t port = 0;
    size_t len = colon ? (size_t)(colon - address) : 0, skip = len > 1 && *address == '[';
    if (!colon || !text_is_number(colon + 1, &port) || port < 1 || port > 65535 ||
        len - 2 * skip >= sizeof p->http.address)
        return reason_set(why, "an address is 127.0.0.1:PORT, [::1]:PORT or localhost:PORT, not \"%s\"", address);
    memcpy(p->http.address, address + skip, len - 2 * skip);
    if (!strcmp(p->http.address, "localhost"))
        strcpy(p->http.address, "127.0.0.1");
    p->http.port = (int)port;
    p->name = text_copy(address);
    return true;
}

static char *without_blanks(const char *text)
{
    static const char blanks[] = " \t\r\n";
    const char *from = text + strspn(text, blanks);
    size_t len = strlen(from);
    while (len && strchr(blanks, from[len - 1]))
        len--;
    return text_format("%.*s", (int)len, from);
}

static bool set_token(struct admin_place *p, const char *file, struct reason *why)
{
    struct text text;
    if (!file || !*file)
        return reason_set(why, "%s is a port, and wants the token of the sidecar's --admin-token-file: name it with --token-file",
                          p->name);
    if (!file_read(file, MAX_TOKEN, &text))
        return reason_set(why, "cannot read the token file %s: %s", file, errno ? strerror(errno) : "it is too large");
    p->token = without_blanks(text.at);
    p->token_file = text_copy(file);
    memset(text.at, 0, text.len);
    text_fini(&text);
    if (!*p->token || strpbrk(p->token, "\r\n"))
        return reason_set(why, "the token file %s does not hold one line", file);
    p->http.token = p->token;
    return true;
}

static bool set_listen(struct admin_place *p, const char *listen, const char *token_file, struct reason *why)
{
    if (!strncmp(listen, "unix:", 5))
        return set_socket(p, listen + 5, why);
    return set_address(p, listen, why) && set_token(p, token_file, why);
}

/* ------------------------------------------------------------------------------- running ones */
static bool nobody(const struct sidecars *all, const char *app_id, struct reason *why)
{
    static const char hint[] = "start it with --admin-listen unix:/path, or name the listener with --socket or --address";
    for (size_t i = 0; app_id && i < all->count; i++)
        if (!strcmp(all->at[i].app_id, app_id))
            return reason_set(why, "the sidecar of %s (process %d) has no admin listener: %s", app_id, (int)all->at[i].pid, hint);
    if (app_id)
        return reason_set(why, "couldn't find app id %s: `trilby list` shows what runs", app_id);
    return reason_set(why, "no running sidecar of this user has an admin listener: %s", hint);
}

static bool several(const struct sidecars *all, struct reason *why)
{
    struct words ids = {0};
    for (size_t i = 0; i < all->count; i++)
        if (*all->at[i].admin_listen)
            words_addf(&ids, "%s (process %d)", all->at[i].app_id, (int)all->at[i].pid);
    char *list = words_join(&ids, ", ");
    reason_set(why, "several sidecars have an admin listener: %s. Name one with --app-id, or its listener with --socket or --address",
               list);
    free(list);
    words_fini(&ids);
    return false;
}

static bool find_running(struct admin_place *p, const struct flags *flags, struct reason *why)
{
    const char *app_id = flags_text(flags, "app-id"), *token_file = flags_text(flags, "token-file");
    struct sidecars all;
    const struct sidecar *found = NULL;
    bool is_one = true;
    sidecars_find(&all);
    for (size_t i = 0; i < all.count; i++) {
        if (!*all.at[i].admin_listen || (app_id && strcmp(all.at[i].app_id, app_id)))
            continue;
        is_one = !found;
        found = &all.at[i];
    }
    bool is_found = !found   ? nobody(&all, app_id, why)
                    : is_one ? set_listen(p, found->admin_listen, token_file ? token_file : found->admin_token_file, why)
                             : several(&all, why);
    sidecars_fini(&all);
    return is_found;
}

bool admin_place_find(struct admin_place *ret_place, const struct flags *flags, struct reason *why)
{
    const char *socket = flags_text(flags, "socket"), *address = flags_text(flags, "address");
    *ret_place = (struct admin_place){.http = {.is_admin = true}};
    if (socket)
        return set_socket(ret_place, strncmp(socket, "unix:", 5) ? socket : socket + 5, why);
    if (address)
        return set_address(ret_place, address, why) && set_token(ret_place, flags_text(flags, "token-file"), why);
    return find_running(ret_place, flags, why);
}

void admin_place_fini(struct admin_place *p)
{
    if (p->token)
        memset(p->token, 0, strlen(p->token));
    free(p->name);
    free(p->token);
    free(p->token_file);
    *p = (struct admin_place){0};
}

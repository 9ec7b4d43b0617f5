/* kube_access: of a kubeconfig the current context counts, with its cluster and its user. Programs that fetch
 * credentials (exec, auth-provider) are not run. */
#include "kube_access.h"
#include <base/codec.h>
#include <base/mem.h>
#include <base/slice.h>
#include <http/small_file.h>
#include <stdlib.h>
#include <unistd.h>
#include <yaml.h>

struct config {
    yaml_document_t doc;
    const char *path;
    struct trb_error *err;
};

/* -------------------------------------------------------------------------------------- the document */
static yaml_node_t *member(struct config *c, yaml_node_t *map, const char *name)
{
    if (!map || map->type != YAML_MAPPING_NODE)
        return NULL;
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top; p++) {
        yaml_node_t *key = yaml_document_get_node(&c->doc, p->key);
        if (key->type == YAML_SCALAR_NODE && !strcmp((char *)key->data.scalar.value, name))
            return yaml_document_get_node(&c->doc, p->value);
    }
    return NULL;
}

static const char *text_of(struct config *c, yaml_node_t *map, const char *name)
{
    yaml_node_t *n = member(c, map, name);
    return n && n->type == YAML_SCALAR_NODE && n->data.scalar.length ? (char *)n->data.scalar.value : NULL;
}

/* clusters: [{name: x, cluster: {…}}], and the same for contexts and users. */
static yaml_node_t *named(struct config *c, const char *list, const char *kind, const char *name)
{
    yaml_node_t *all = member(c, yaml_document_get_root_node(&c->doc), list);
    if (name && all && all->type == YAML_SEQUENCE_NODE)
        for (yaml_node_item_t *i = all->data.sequence.items.start; i < all->data.sequence.items.top; i++) {
            yaml_node_t *one = yaml_document_get_node(&c->doc, *i);
            const char *its = text_of(c, one, "name");
            if (its && !strcmp(its, name))
                return member(c, one, kind);
        }
    trb_error(c->err, TRB_INVALID, "BAD_KUBECONFIG", "kubernetes: %s has no %s named %s", c->path, kind, name ? name : "\"\"");
    return NULL;
}

/* NAME-data holds the thing in base64, NAME is the path of its file. */
static bool thing(struct config *c, yaml_node_t *map, const char *name, struct text *ret)
{
    char data_name[64];
    size_t len;
    snprintf(data_name, sizeof data_name, "%s-data", name);
    const char *data = text_of(c, map, data_name), *path = text_of(c, map, name);
    if (data) {
        char *room = text_room(ret, strlen(data) + 3);
        if (!base64_decode(slice_of(data), true, room, &len, NULL))
            return trb_error(c->err, TRB_INVALID, "BAD_KUBECONFIG", "kubernetes: %s of %s is not base64", data_name, c->path), false;
        text_wrote(ret, len);
    } else if (path) {
        const char *slash = strrchr(c->path, '/');
        struct text full = {0};
        if (*path != '/' && slash)
            text_addf(&full, "%.*s/", (int)(slash - c->path), c->path);
        text_adds(&full, path);
        bool ok = small_file_read("kubernetes", full.at, ret, c->err);
        text_fini(&full);
        return ok;
    }
    return true;
}

static bool cluster(struct config *c, struct kube_access *a, yaml_node_t *map)
{
    const char *server = text_of(c, map, "server"), *name = text_of(c, map, "tls-server-name");
    const char *skip = text_of(c, map, "insecure-skip-tls-verify");
    if (!server)
        return trb_error(c->err, TRB_INVALID, "BAD_KUBECONFIG", "kubernetes: the cluster of %s has no server", c->path), false;
    text_adds(&a->server, server);
    while (a->server.len && a->server.at[a->server.len - 1] == '/')
        a->server.at[--a->server.len] = 0;
    text_adds(&a->server_name, name ? name : "");
    a->skip_verify = skip && !strcmp(skip, "true");
    return thing(c, map, "certificate-authority", &a->ca);
}

static bool user(struct config *c, struct kube_access *a, yaml_node_t *map)
{
    const char *token = text_of(c, map, "token"), *path = text_of(c, map, "tokenFile");
    text_adds(&a->token, token ? token : "");
    text_adds(&a->token_path, path ? path : "");
    if (member(c, map, "exec") || member(c, map, "auth-provider") || member(c, map, "username"))
        return trb_error(c->err, TRB_UNIMPLEMENTED, "BAD_KUBECONFIG", "kubernetes: the user of %s signs in by a program or a password, "
                         "which is not supported: give a token or a client certificate", c->path), false;
    return thing(c, map, "client-certificate", &a->certificate) && thing(c, map, "client-key", &a->key);
}

static bool read_document(struct config *c, struct kube_access *a)
{
    yaml_node_t *context, *its_cluster, *its_user;
    const char *current = text_of(c, yaml_document_get_root_node(&c->doc), "current-context");
    return (context = named(c, "contexts", "context", current)) &&
           (its_cluster = named(c, "clusters", "cluster", text_of(c, context, "cluster"))) &&
           (its_user = named(c, "users", "user", text_of(c, context, "user"))) &&
           cluster(c, a, its_cluster) && user(c, a, its_user);
}

bool kube_access_file(struct kube_access *a, const char *path, struct trb_error *err)
{
    struct config c = {.path = path, .err = err};
    struct text text = {0};
    yaml_parser_t parser;
    bool ok = small_file_read("kubernetes", path, &text, err);
    if (ok && yaml_parser_initialize(&parser)) {
        yaml_parser_set_input_string(&parser, (const unsigned char *)(text.at ? text.at : ""), text.len);
        ok = yaml_parser_load(&parser, &c.doc);
        if (ok) {
            ok = read_document(&c, a);
            yaml_document_delete(&c.doc);
        } else {
            trb_error(err, TRB_INVALID, "BAD_KUBECONFIG", "kubernetes: %s:%zu: %s", path, parser.problem_mark.line + 1,
                      parser.problem ? parser.problem : "is not YAML");
        }
        yaml_parser_delete(&parser);
    }
    small_file_wipe(&text);
    return ok;
}

/* ----------------------------------------------------------------------------------- service account */
bool kube_access_pod(struct kube_access *a, const char *folder, struct trb_error *err)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
    struct text ca = {0}, token = {0};
    if (!host || !*host || !port || !*port)
        return trb_error(err, TRB_INVALID, "NO_CLUSTER", "kubernetes: there is no kubeconfig, and without KUBERNETES_SERVICE_HOST and "
                         "KUBERNETES_SERVICE_PORT this is no pod either"), false;
    text_addf(&a->server, strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port);
    text_addf(&a->token_path, "%s/token", folder);
    text_addf(&ca, "%s/ca.crt", folder);
    bool ok = small_file_read("kubernetes", a->token_path.at, &token, err) && small_file_read("kubernetes", ca.at, &a->ca, err);
    small_file_wipe(&token);
    text_fini(&ca);
    return ok;
}

bool kube_access_find(struct kube_access *a, const char *path, const char *folder, struct trb_error *err)
{
    const char *listed = getenv("KUBECONFIG"), *home = getenv("HOME");
    struct text found = {0};
    bool ok;
    if (path)
        text_adds(&found, path);
    else if (listed && *listed)
        text_addf(&found, "%.*s", (int)strcspn(listed, ":"), listed);
    else if (home)
        text_addf(&found, "%s/.kube/config", home);
    if (path || (listed && *listed) || (found.len && !access(found.at, R_OK)))
        ok = kube_access_file(a, found.at, err);
    else
        ok = kube_access_pod(a, folder, err);
    text_fini(&found);
    return ok;
}

void kube_access_fini(struct kube_access *a)
{
    struct text *all[] = {&a->server, &a->token, &a->token_path, &a->ca, &a->certificate, &a->key, &a->server_name};
    for (size_t n = 0; n < sizeof all / sizeof *all; n++)
        small_file_wipe(all[n]);
}

/* http_endpoint: reading an HTTPEndpoint. */
#include <base/slice.h>
#include <config/http_endpoint.h>
#include <config/resource_kinds.h>

static uint32_t read_renegotiation(struct fields *f, struct yaml_node *tls)
{
    static const char *const words[] = {
        [ENDPOINT_RENEGOTIATE_NEVER] = "Never", [ENDPOINT_RENEGOTIATE_ONCE] = "OnceAsClient",
        [ENDPOINT_RENEGOTIATE_FREELY] = "FreelyAsClient"};
    struct trb_name word = field_text(f, tls, "spec.clientTLS.renegotiation");
    if (!word.len)
        return ENDPOINT_RENEGOTIATE_NEVER;
    for (uint32_t i = 0; i < 3; i++)
        if (slice_is(slice_name(word), slice_of(words[i])))
            return i;
    field_refuse(f, yaml_get_nocase(tls, "renegotiation"),
                 "spec.clientTLS.renegotiation must be Never, OnceAsClient or FreelyAsClient, not %s",
                 word.at);
    return ENDPOINT_RENEGOTIATE_NEVER;
}

static struct property *read_material(struct fields *f, struct resource *r, struct yaml_node *tls,
                                      const char *path)
{
    struct yaml_node *node = field_mapping(f, tls, path);
    if (!node)
        return NULL;
    struct property *p = property_add(f, r, node);
    p->name = name_of(strrchr(path, '.') + 1);
    return p;
}

void http_endpoint_read(struct fields *f, struct resource *r, const struct resource_query *q)
{
    struct http_endpoint *e = http_endpoint_of(r);
    struct yaml_node *spec = field_mapping(f, r->root, "spec");
    struct yaml_node *headers = field_list(f, spec, "spec.headers");
    struct yaml_node *tls = field_mapping(f, spec, "spec.clientTLS");
    e->base_url = field_or_empty(field_text(f, spec, "spec.baseUrl"));
    r->log_name = arena_printf(f->arena, "%s (%s)", r->name.at, e->base_url.at);
    r->secret_store = field_text(f, field_mapping(f, r->root, "auth"), "auth.secretStore");
    properties_reserve(f, r, field_count(headers) + 3);
    properties_add(f, r, headers, "spec.headers");
    e->headers = r->properties;
    e->header_count = r->property_count;
    e->root_ca = read_material(f, r, tls, "spec.clientTLS.rootCA");
    e->certificate = read_material(f, r, tls, "spec.clientTLS.certificate");
    e->private_key = read_material(f, r, tls, "spec.clientTLS.privateKey");
    e->renegotiation = read_renegotiation(f, tls);
}

/* defaults: an embedded document each for the state store, the broker, the secrets and the orders. */
#include <base/slice.h>
#include <config/defaults.h>
#include <unistd.h>

#define SECRETS_FILE "./secrets.json"

static const char head[] =
    "apiVersion: dapr.io/v1alpha1\n"
    "kind: Component\n"
    "metadata:\n"
    "  name: statestore\n"
    "spec:\n"
    "  type: state.in-memory\n"
    "  version: v1\n"
    "---\n"
    "apiVersion: dapr.io/v1alpha1\n"
    "kind: Component\n"
    "metadata:\n"
    "  name: pubsub\n"
    "spec:\n"
    "  type: pubsub.in-memory\n"
    "  version: v1\n"
    "---\n"
    "apiVersion: dapr.io/v2alpha1\n"
    "kind: Subscription\n"
    "metadata:\n"
    "  name: orders\n"
    "spec:\n"
    "  pubsubname: pubsub\n"
    "  topic: orders\n"
    "  routes:\n"
    "    default: /orders\n"
    "---\n"
    "apiVersion: dapr.io/v1alpha1\n"
    "kind: Component\n"
    "metadata:\n"
    "  name: secretstore\n"
    "spec:\n"
    "  version: v1\n";

static const char file_store[] =
    "  type: secretstores.local.file\n"
    "  metadata:\n"
    "  - name: secretsFile\n"
    "    value: " SECRETS_FILE "\n";

static const char env_store[] = "  type: secretstores.local.env\n";

void defaults_text(struct text *t)
{
    text_adds(t, head);
    text_adds(t, access(SECRETS_FILE, R_OK) == 0 ? file_store : env_store);
}

trb_code defaults_load(const struct resource_query *query, struct resource_set **ret_set,
                       struct trb_error *err)
{
    struct text t = {0};
    defaults_text(&t);
    trb_code code = resource_set_parse(DEFAULTS_FILE, text_slice(&t), query, ret_set, err);
    text_fini(&t);
    return code;
}

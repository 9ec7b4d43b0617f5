/* item_rpc: an item of a gRPC message as fields. */
#include "state_block.h"

const char *item_read(struct trb_request *rq, const struct common_state_item *item, struct item_fields *f)
{
    *f = (struct item_fields){.key = item->key, .value = rpc_data(rq, item->value), .metadata = item->metadata};
    if (item->etag)
        f->etag = item->etag->value;                  /* an empty one too */
    if (item->options) {
        f->concurrency = option_of(item->options->concurrency);
        f->consistency = option_of(item->options->consistency);
    }
    return ttl_parse(rq, f->metadata, &f->has_ttl, &f->ttl_s);
}

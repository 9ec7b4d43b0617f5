/* etag: a revision as text, compared as text. */
#include "store.h"
#include <base/slice.h>

uint32_t etag_read(struct trb_name etag, uint32_t concurrency, int64_t *ret_revision)
{
    uint64_t n;
    if (!etag.len)
        return concurrency == TRB_STATE_FIRST_WRITE ? ETAG_ABSENT : ETAG_ANY;
    if (!slice_to_u64(slice_name(etag), &n) || etag.at[0] == '0' || n > INT64_MAX)
        return ETAG_NEVER;
    *ret_revision = (int64_t)n;
    return ETAG_IS;
}

void etag_mismatch(const struct store *s, struct trb_name key, struct trb_name etag, bool has, const struct etcd_item *item,
                   struct trb_error *err)
{
    struct trb_slice path = slice_of(s->path), name = slice_cut(slice_name(key), 250);
    if (!etag.len)
        trb_error(err, TRB_ABORTED, "ETAG_MISMATCH", "item already exists and no etag was passed");
    else if (!has)
        trb_error(err, TRB_ABORTED, "ETAG_MISMATCH", "state not exist or expired for key=%.*s/%.*s", SLICE_ARG(path),
                  SLICE_ARG(name));
    else
        trb_error(err, TRB_ABORTED, "ETAG_MISMATCH", "state etag not match for key=%.*s/%.*s: current=%lld, expect=%.*s",
                  SLICE_ARG(path), SLICE_ARG(name), (long long)item->mod_revision, SLICE_ARG(slice_cut(slice_name(etag), 60)));
    err->kind = TRB_STATE_ETAG_MISMATCH;
}

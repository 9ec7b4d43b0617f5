/* etcd_answer_fuzz: any bytes as etcd's answers and as values of version 2: every slice lies inside the input, every
 * walk ends. */
#include "plugins/state/etcd/message.h"
#include "plugins/state/etcd/value.h"
#include <base/slice.h>
#include <stdlib.h>

static void check_inside(struct trb_slice part, struct trb_slice in)
{
    if (part.len && (part.at < in.at || part.at + part.len > in.at + in.len))
        abort();
}

static void walk_items(struct trb_slice in)
{
    struct wire_reader items;
    struct etcd_item item;
    int64_t revision;
    size_t count = 0;
    if (!etcd_read_range(in, &revision, &items))
        return;
    while (etcd_next_item(&items, &item)) {
        check_inside(item.key, in);
        check_inside(item.value, in);
        if (++count > in.len)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trb_slice in = {(const char *)data, size}, part;
    struct wire_reader answers;
    int64_t number;
    bool succeeded;
    walk_items(in);
    if (etcd_read_txn(in, &succeeded, &answers))
        while (etcd_next_range(&answers, &part)) {
            check_inside(part, in);
            walk_items(part);
        }
    etcd_read_lease(in, &number);
    if (value_read(in, &part, &number)) {
        check_inside(part, in);
        if (number < 0)
            abort();
    }
    return 0;
}

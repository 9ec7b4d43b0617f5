/* postgres_cell_fuzz: any bytes as a value of any type: what comes is one JSON value, unless the bytes are no UTF-8. */
#include "plugins/bindings/postgresql/cell.h"
#include <base/json.h>
#include <base/slice.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint32_t types[] = {16, 17, 20, 25, 114, 701, 1082, 1114, 1184, 1700, 3802, 1000, 1001, 1007, 1009, 1115, 1231, 3807};
    struct text t = {0};
    struct json_value v;
    struct json_fault fault;
    if (!size)
        return 0;
    struct trb_slice text = slice_from((const char *)data + 1, size - 1);
    cell_add(&t, types[data[0] % (sizeof types / sizeof *types)], text);
    if (slice_is_utf8(text) && !json_parse(text_slice(&t), &v, &fault))
        abort();
    text_fini(&t);
    return 0;
}

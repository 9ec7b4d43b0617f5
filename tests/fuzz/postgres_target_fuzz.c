/* postgres_target_fuzz: any bytes as a connection string: read or refused with a sentence, and what was read is words
 * with values that have no NUL, each name once. */
#include <base/slice.h>
#include <postgres/target.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pg_target t = {0};
    struct trb_error err = {0};
    trb_code code = pg_target_read(&t, slice_from((const char *)data, size), &err);
    if (code ? !err.message[0] : err.message[0] != 0)
        abort();
    for (uint32_t i = 0; i < t.count; i++)
        if (!*t.names[i] || pg_target_get(&t, t.names[i]) != t.values[i])
            abort();
    if (!code && t.count && t.count < PG_TARGET_WORDS && pg_target_add_setting(&t, "x", t.values[0], &err))
        abort();
    pg_target_fini(&t);
    return 0;
}

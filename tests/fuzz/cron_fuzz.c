/* cron_fuzz: any bytes as a schedule: what is accepted is due later than now or never, what is refused has a sentence. */
#include "plugins/bindings/cron/schedule.c"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t times[] = {1331442000, 1352005200, 1350784800, 0, 4102444799};
    struct schedule s;
    char fault[160] = "";
    setenv("TZ", "America/Sao_Paulo", 1);
    if (!schedule_parse(slice_from((const char *)data, size), &s, fault)) {
        if (!fault[0])
            abort();
        return 0;
    }
    for (size_t i = 0; i < countof(times); i++) {
        int64_t next = schedule_next(&s, times[i]);
        if (next != -1 && (next <= times[i] || (s.every_s && next - times[i] != s.every_s)))
            abort();
    }
    return 0;
}

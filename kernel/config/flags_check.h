/* flags_check: what the checks of flags share. Private to flags_check*.c. */
#ifndef CONFIG_FLAGS_CHECK_H
#define CONFIG_FLAGS_CHECK_H

#include <config/flags_table.h>

struct checking {
    struct flags *flags;
    void (*warn)(void *arg, const char *sentence);
    void *arg;
    struct trb_error *err;
};

/* Each fills in what it checks; the sentence is err's, prefix included. */
trb_code flags_check_sizes(struct checking *);
trb_code flags_check_ports(struct checking *);
trb_code flags_refuse(struct checking *, const char *format, ...) TRB_PRINTF(2, 3);

#endif

/* resiliency_codes: lists of status codes and ranges of them: 429,500-599. Inside kernel/config. */
#ifndef CONFIG_RESILIENCY_CODES_H
#define CONFIG_RESILIENCY_CODES_H

#include <config/resiliency.h>

/* Codes outside low and high are refused. The fault's sentence, or absent: it went well. */
struct trb_name code_ranges_parse(struct arena *, struct trb_slice list, uint32_t low, uint32_t high,
                                  struct code_ranges *ret_ranges);

#endif

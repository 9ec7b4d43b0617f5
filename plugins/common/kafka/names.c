/* names: a regular expression from the component's options, with a limit on what one match may cost. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "kafka.h"
#include <base/mem.h>
#include <base/slice.h>
#include <pcre2.h>

#define MATCH_LIMIT 10000u

struct names {
    pcre2_code *code;
    pcre2_match_context *context;
};

trb_code names_create(const char *regex, struct names **ret_names, struct trb_error *err)
{
    int fault;
    PCRE2_SIZE at;
    char why[200];
    if (!regex)
        return TRB_OK;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &fault, &at, NULL);
    if (!code) {
        pcre2_get_error_message(fault, (PCRE2_UCHAR *)why, sizeof why);
        return trb_error(err, TRB_INVALID, "BAD_OPTION", "excludeHeaderMetaRegex: %s at character %zu", why, (size_t)at);
    }
    struct names *n = mem_zero(sizeof *n);
    n->code = code;
    n->context = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(n->context, MATCH_LIMIT);
    *ret_names = n;
    return TRB_OK;
}

struct names *names_destroy(struct names *n)
{
    if (!n)
        return NULL;
    pcre2_match_context_free(n->context);
    pcre2_code_free(n->code);
    return mem_free(n);
}

bool names_match(const struct names *n, struct trb_slice name)
{
    if (!n)
        return false;
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    int count = pcre2_match(n->code, (PCRE2_SPTR)name.at, name.len, 0, 0, data, n->context);
    pcre2_match_data_free(data);
    return count >= 0;
}

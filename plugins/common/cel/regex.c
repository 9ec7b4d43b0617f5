/* regex: see regex.h. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "regex.h"
#include <pcre2.h>
#include <stdio.h>
#include <string.h>

#define MOST_BYTES 1000u
#define MATCH_LIMIT 100000u
#define HEAP_KB 1024u

/* ------------------------------------------------------------------------------------- the syntax */
static bool is_one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

/* Behind "(?": flags, a name, or a group without a number. */
static bool is_group_known(struct trb_slice rest)
{
    size_t n = 0;
    if (slice_starts(rest, SLICE("P<")))
        return true;
    if (slice_starts(rest, SLICE("<")))
        return rest.len > 1 && !is_one_of(rest.at[1], "=!");
    while (n < rest.len && is_one_of(rest.at[n], "imsU-"))
        n++;
    return n < rest.len && is_one_of(rest.at[n], ":)");
}

static bool is_escape_known(char c)
{
    bool is_punctuation = (unsigned char)c < 128 && !is_one_of(c, "_") &&
                          !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
    return is_punctuation || is_one_of(c, "_0afnrtvxAbBzdDsSwWpPQE");
}

/* Where a pattern leaves RE2's syntax; NULL: nowhere. What else is wrong with it the compiler says. */
static const char *foreign(struct trb_slice p)
{
    bool in_class = false;
    for (size_t n = 0; n < p.len; n++) {
        char c = p.at[n], next = n + 1 < p.len ? p.at[n + 1] : 0;
        if (c == '\\') {
            if (!is_escape_known(next))
                return "invalid escape sequence";
            n++;
        } else if (in_class) {
            in_class = c != ']' || p.at[n - 1] == '[' || (p.at[n - 1] == '^' && p.at[n - 2] == '[');
        } else if (c == '[') {
            in_class = true;
        } else if (c == '(' && (next == '*' || (next == '?' && !is_group_known(slice_skip(p, n + 2))))) {
            return "invalid or unsupported Perl syntax";
        } else if (is_one_of(c, "*+?}") && next == '+') {
            return "invalid nested repetition operator";
        }
    }
    return NULL;
}

/* -------------------------------------------------------------------------------------- the match */
static int fault(char *ret_fault, size_t size, const char *why)
{
    snprintf(ret_fault, size, "error parsing regexp: %s", why);
    return -1;
}

static int run(pcre2_code *code, struct trb_slice text, char *ret_fault, size_t size)
{
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    pcre2_set_match_limit(limits, MATCH_LIMIT);
    pcre2_set_heap_limit(limits, HEAP_KB);
    int found = pcre2_match(code, (PCRE2_SPTR)text.at, text.len, 0, 0, data, limits);
    pcre2_match_data_free(data);
    pcre2_match_context_free(limits);
    if (found >= 0 || found == PCRE2_ERROR_NOMATCH)
        return found >= 0;
    snprintf(ret_fault, size, "the pattern costs too much on this text");
    return -1;
}

int regex_match(struct trb_slice pattern, struct trb_slice text, char *ret_fault, size_t size)
{
    const uint32_t options = PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C | PCRE2_DOLLAR_ENDONLY;
    const char *why = pattern.len > MOST_BYTES ? "expression too large" : foreign(pattern);
    char said[200];
    int number;
    PCRE2_SIZE at;
    if (why)
        return fault(ret_fault, size, why);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern.at, pattern.len, options, &number, &at, NULL);
    if (!code) {
        pcre2_get_error_message(number, (PCRE2_UCHAR *)said, sizeof said);
        return fault(ret_fault, size, said);
    }
    int found = run(code, text.at ? text : SLICE(""), ret_fault, size);
    pcre2_code_free(code);
    return found;
}

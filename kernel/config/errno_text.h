/* errno_text: "no such file or directory": an errno in the small letters that users know. */
#ifndef CONFIG_ERRNO_TEXT_H
#define CONFIG_ERRNO_TEXT_H

#include <ctype.h>
#include <stdio.h>
#include <string.h>

struct errno_text {
    char at[128];
};

static inline struct errno_text errno_text(int number)
{
    struct errno_text text;
    const char *known = strerrordesc_np(number);
    snprintf(text.at, sizeof text.at, "%s", known ? known : "unknown error");
    text.at[0] = (char)tolower((unsigned char)text.at[0]);
    return text;
}

#endif

/* kafka_words: see the header. */
#include "kafka_words.h"
#include <base/check.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *property, *option;
} names[] = {{"ssl.ca.pem", "caCert"}, {"ssl.certificate.pem", "clientCert"}, {"ssl.key.pem", "clientKey"},
             {"sasl.username", "saslUsername"}, {"sasl.password", "saslPassword"}};

static const char *const endings[] = {" (after ", ", verify that ssl.ca.location", " (install ca-certificates"};

static size_t length(const char *said)
{
    size_t len = strlen(said);
    for (size_t i = 0; i < countof(endings); i++) {
        const char *at = strstr(said, endings[i]);
        if (at && (size_t)(at - said) < len)
            len = (size_t)(at - said);
    }
    return len;
}

static size_t name_at(const char *said, const char **ret_option)
{
    for (size_t i = 0; i < countof(names); i++) {
        size_t len = strlen(names[i].property);
        if (!strncmp(said, names[i].property, len)) {
            *ret_option = names[i].option;
            return len;
        }
    }
    return 0;
}

void kafka_words(const char *said, char to[KAFKA_WORDS])
{
    size_t len = length(said), at = 0;
    for (size_t i = 0; i < len && at + 1 < KAFKA_WORDS;) {
        const char *option = NULL;
        size_t name = name_at(said + i, &option);
        if (name)
            at += (size_t)snprintf(to + at, KAFKA_WORDS - at, "%s", option);
        else
            to[at++] = said[i];
        i += name ? name : 1;
    }
    to[at < KAFKA_WORDS ? at : KAFKA_WORDS - 1] = '\0';
}

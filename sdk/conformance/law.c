/* law: breaches of the contract, and what an error must look like. */
#include "law.h"
#include <base/check.h>
#include <base/mem.h>
#include <base/slice.h>
#include <pthread.h>
#include <stdio.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char breaches[32][256];
static uint32_t breach_count;
static char *secrets[64];
static uint32_t secret_count;

static bool is_known(const char *sentence)
{
    for (uint32_t i = 0; i < breach_count; i++)
        if (!strcmp(breaches[i], sentence))
            return true;
    return false;
}

void law_broken(const char *format, ...)
{
    char sentence[256];
    va_list ap;
    va_start(ap, format);
    vsnprintf(sentence, sizeof sentence, format, ap);
    va_end(ap);
    pthread_mutex_lock(&lock);
    if (breach_count < countof(breaches) && !is_known(sentence))
        memcpy(breaches[breach_count++], sentence, sizeof sentence);
    pthread_mutex_unlock(&lock);
}

uint32_t law_breaches(void)
{
    pthread_mutex_lock(&lock);
    uint32_t count = breach_count;
    pthread_mutex_unlock(&lock);
    return count;
}

void law_take(struct text *ret_sentences)
{
    pthread_mutex_lock(&lock);
    for (uint32_t i = 0; i < breach_count; i++)
        text_addf(ret_sentences, "%s%s", ret_sentences->len ? "; " : "", breaches[i]);
    breach_count = 0;
    pthread_mutex_unlock(&lock);
}

void law_secret(const char *value)
{
    if (strlen(value) >= 4 && secret_count < countof(secrets))
        secrets[secret_count++] = mem_text(value, strlen(value));
}

void law_check_text(const char *what, struct trb_slice text)
{
    for (uint32_t i = 0; i < secret_count; i++)
        if (slice_contains(text, slice_of(secrets[i])))
            law_broken("%s shows the value of a sensitive option", what);
}

static bool is_upper_snake(const char *reason)
{
    for (; *reason; reason++)
        if (!(*reason >= 'A' && *reason <= 'Z') && !(*reason >= '0' && *reason <= '9') && *reason != '_')
            return false;
    return true;
}

void law_check_error(const char *verb, const struct trb_error *err)
{
    if (!err) {
        law_broken("%s failed without an error", verb);
        return;
    }
    if (err->size < offsetof(struct trb_error, message))
        law_broken("%s: the error's size is %u, which is less than its message's place", verb, err->size);
    if (err->code < 1 || err->code > 16)
        law_broken("%s: the error has the code %d, which is none of gRPC's (1 to 16)", verb, err->code);
    if (!memchr(err->reason, 0, sizeof err->reason) || !is_upper_snake(err->reason))
        law_broken("%s: the error's reason is not UPPER_SNAKE", verb);
    if (!memchr(err->message, 0, sizeof err->message)) {
        law_broken("%s: the error's message does not end", verb);
        return;
    }
    if (!err->message[0] && !err->kind)        /* a kind is the block's, which has its own sentence */
        law_broken("%s: the error has no sentence for people", verb);
    else if (err->message[0] && err->message[strlen(err->message) - 1] == '\n')
        law_broken("%s: the error's message ends in a line feed", verb);
    law_check_text("an error", slice_of(err->message));
}

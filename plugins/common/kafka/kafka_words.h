/* kafka_words: what librdkafka says of a failure, in words for those who write the options. */
#ifndef COMMON_KAFKA_WORDS_H
#define COMMON_KAFKA_WORDS_H

#include <stddef.h>

#define KAFKA_WORDS 320u

/* Names our options instead of its properties, and leaves out its timing and its advice about them. */
void kafka_words(const char *said, char to[KAFKA_WORDS]);

#endif

/* aws_inside: what the files of aws share. Not for others. */
#ifndef AWS_INSIDE_H
#define AWS_INSIDE_H

#include <aws/aws.h>

#define SOURCE_FIXED 0u                 /* options, environment, shared files */
#define SOURCE_WEB_IDENTITY 1u
#define SOURCE_CONTAINER 2u
#define SOURCE_INSTANCE 3u

void keys_join(struct text *, struct trb_slice id, struct trb_slice secret, struct trb_slice token);
struct sigv4_keys keys_split(struct trb_slice joined);

/* Found in the shared files for the profile in use; absent: not said. ret_keys as keys_join. */
void shared_read(struct text *ret_keys, char **ret_region);

void source_ask(struct aws *);          /* ends in aws_have or lease_failed */
void aws_have(struct aws *, struct trb_slice joined, int64_t lifetime_ns);      /* the base keys: perhaps a role is next */
void sts_assume_role(struct aws *, struct trb_slice base);
void sts_web_identity(struct aws *);
const char *env_of(const char *name);   /* NULL when empty */

#endif

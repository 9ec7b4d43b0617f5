/* aws: who we are to Amazon Web Services, and where a service is.
 *
 * Keys come from the options, else from the environment, a web identity, the shared files, the container's
 * endpoint or the instance's metadata, in this order; with assumeRoleArn they are exchanged for that role's.
 * Temporary ones are renewed before they end. aws.lease.signer signs requests (Signature Version 4). [loop] */
#ifndef AWS_AWS_H
#define AWS_AWS_H

#include <aws/sigv4.h>
#include <http/lease.h>
#include <trilby/options.h>

struct aws_config {
    const char *region, *access_key, *secret_key, *session_token, *role, *session_name, *trust_anchor, *trust_profile, *endpoint;
};

/* Of a component whose instance struct has a struct aws_config as `member`. */
#define AWS_OPTIONS(self, member)                                                                                         \
    TRB_STRING(self, member.region, "region", .aliases = "awsRegion", .empty_is_absent = 1, .example = "us-east-1",       \
               .doc = "Region; else AWS_REGION, else the shared configuration's."),                                       \
    TRB_STRING(self, member.access_key, "accessKey", .empty_is_absent = 1, .sensitive = 1,                                \
               .doc = "Identifier of the access key; without it the usual places are looked at."),                        \
    TRB_STRING(self, member.secret_key, "secretKey", .empty_is_absent = 1, .sensitive = 1, .doc = "Its secret."),         \
    TRB_STRING(self, member.session_token, "sessionToken", .empty_is_absent = 1, .sensitive = 1,                          \
               .doc = "Session token of temporary keys."),                                                                \
    TRB_STRING(self, member.role, "assumeRoleArn", .empty_is_absent = 1, .doc = "Role to assume with these keys."),       \
    TRB_STRING(self, member.session_name, "sessionName", .fallback = "DaprDefaultSession", .empty_is_absent = 1,          \
               .doc = "Name of the session in that role."),                                                               \
    TRB_STRING(self, member.trust_anchor, "trustAnchorArn", .empty_is_absent = 1,                                         \
               .doc = "IAM Roles Anywhere is not supported yet: must be absent."),                                        \
    TRB_STRING(self, member.trust_profile, "trustProfileArn", .empty_is_absent = 1,                                       \
               .doc = "IAM Roles Anywhere is not supported yet: must be absent."),                                        \
    TRB_STRING(self, member.endpoint, "endpoint", .empty_is_absent = 1, .example = "http://localhost:4566",               \
               .doc = "Address of the service, when it is not Amazon's own.")

struct aws {
    struct lease lease;
    const struct aws_config *config;
    const struct trb_host *host;
    struct http *http;
    const char *service;
    char *region, *endpoint;            /* no slash at the end of an endpoint */
    struct text base;                   /* keys that never end: "id\0secret\0token" */
    struct text metadata_token;
    uint32_t source;
};

/* service: "secretsmanager", "s3"; variable: its part of AWS_ENDPOINT_URL_…, "SECRETS_MANAGER". The client and
 * the config outlive it. */
bool aws_start(struct aws *, const struct aws_config *, const struct trb_host *, struct http *, const char *service,
               const char *variable, struct trb_error *err);
void aws_stop(struct aws *);            /* after http_destroy */
/* Keys as they are now, for presigning; false: there are none yet, a signed request fetches them. */
bool aws_keys(const struct aws *, struct sigv4_keys *ret_keys);

#endif

/* gcp: who we are to Google Cloud: a service account's key from the options, else the application default
 * credentials: GOOGLE_APPLICATION_CREDENTIALS, gcloud's file, the metadata server. gcp.lease.signer signs. [loop] */
#ifndef GCP_GCP_H
#define GCP_GCP_H

#include <oauth/oauth.h>
#include <trilby/options.h>

struct gcp_config {
    const char *type, *project, *key_id, *key, *email, *client_id, *auth_uri, *token_uri, *provider_cert, *client_cert;
};

#define GCP_OPTIONS(self, member)                                                                                              \
    TRB_STRING(self, member.project, "projectID", .aliases = "project_id", .required = 1, .example = "my-project",             \
               .doc = "Project."),                                                                                             \
    TRB_STRING(self, member.type, "type", .empty_is_absent = 1, .example = "service_account",                                  \
               .doc = "Kind of the key in these options: service_account."),                                                   \
    TRB_STRING(self, member.key_id, "privateKeyID", .aliases = "private_key_id", .empty_is_absent = 1, .sensitive = 1,         \
               .doc = "Identifier of the key; with it the options count, without it the application default credentials."),    \
    TRB_STRING(self, member.key, "privateKey", .aliases = "private_key", .empty_is_absent = 1, .sensitive = 1,                 \
               .doc = "The key, as PEM text; \\n may stand for a line's end."),                                                \
    TRB_STRING(self, member.email, "clientEmail", .aliases = "client_email", .empty_is_absent = 1,                             \
               .doc = "Address of the service account."),                                                                      \
    TRB_STRING(self, member.client_id, "clientID", .aliases = "client_id", .empty_is_absent = 1,                               \
               .doc = "Accepted; the address says as much."),                                                                  \
    TRB_STRING(self, member.auth_uri, "authURI", .aliases = "auth_uri", .empty_is_absent = 1,                                  \
               .doc = "Accepted; a service account does not need it."),                                                        \
    TRB_STRING(self, member.token_uri, "tokenURI", .aliases = "token_uri", .empty_is_absent = 1,                               \
               .fallback = "https://oauth2.googleapis.com/token", .doc = "Where tokens are asked for."),                       \
    TRB_STRING(self, member.provider_cert, "authProviderX509CertURL", .aliases = "auth_provider_x509_cert_url",                \
               .empty_is_absent = 1, .doc = "Accepted; not needed."),                                                          \
    TRB_STRING(self, member.client_cert, "clientX509CertURL", .aliases = "client_x509_cert_url", .empty_is_absent = 1,         \
               .doc = "Accepted; not needed.")

struct gcp {
    struct lease lease;
    struct oauth oauth;
    struct oauth_key *key;              /* of a service account */
    struct text email, key_id, token_uri;
    struct text refresh;                /* of a user: the whole form */
    const char *scope;
};

/* The client and the config outlive it. */
bool gcp_start(struct gcp *, const struct gcp_config *, const struct trb_host *, struct http *, const char *scope, struct trb_error *err);
void gcp_stop(struct gcp *);            /* after http_destroy */

#endif

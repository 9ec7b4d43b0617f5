/* azure: who we are to Microsoft Entra, in one of its clouds. Of the ways to sign in the first that is configured
 * counts, in the order of azureAuthMethods: client secret, certificate, workload identity, managed identity.
 * azure.lease.signer signs. [loop] */
#ifndef AZURE_AZURE_H
#define AZURE_AZURE_H

#include <oauth/oauth.h>
#include <trilby/options.h>

#define AZURE_CLOUD_PUBLIC 0u
#define AZURE_CLOUD_CHINA 1u
#define AZURE_CLOUD_US_GOVERNMENT 2u

struct azure_config {
    uint32_t cloud;
    const char *tenant, *client, *secret, *certificate, *certificate_file, *certificate_password, *methods;
};

#define AZURE_OPTIONS(self, member)                                                                                            \
    TRB_CHOICE(self, member.cloud, "azureEnvironment", .aliases = "azureCloud", .empty_is_absent = 1,                          \
               .choices = "AzurePublicCloud|AzureChinaCloud|AzureUSGovernmentCloud", .fallback = "AzurePublicCloud",           \
               .doc = "Cloud."),                                                                                               \
    TRB_STRING(self, member.tenant, "azureTenantId", .aliases = "spnTenantId|tenantId", .empty_is_absent = 1,                  \
               .doc = "Tenant of the application."),                                                                           \
    TRB_STRING(self, member.client, "azureClientId", .aliases = "spnClientId|clientId", .empty_is_absent = 1,                  \
               .doc = "The application, or the managed identity."),                                                            \
    TRB_STRING(self, member.secret, "azureClientSecret", .aliases = "spnClientSecret|clientSecret", .empty_is_absent = 1,      \
               .sensitive = 1, .doc = "Its secret."),                                                                          \
    TRB_STRING(self, member.certificate, "azureCertificate", .aliases = "spnCertificate", .empty_is_absent = 1,                \
               .sensitive = 1, .doc = "Its certificate and key: PEM text, or PKCS#12 in base64."),                             \
    TRB_STRING(self, member.certificate_file, "azureCertificateFile", .aliases = "spnCertificateFile", .empty_is_absent = 1,   \
               .doc = "File of the certificate and key, PEM or PKCS#12."),                                                     \
    TRB_STRING(self, member.certificate_password, "azureCertificatePassword", .aliases = "spnCertificatePassword",             \
               .empty_is_absent = 1, .sensitive = 1, .doc = "Password of the key."),                                           \
    TRB_STRING(self, member.methods, "azureAuthMethods", .empty_is_absent = 1, .example = "clientcredentials,managedidentity", \
               .doc = "Ways to sign in, in this order: clientcredentials, clientcertificate, workloadidentity, "               \
                      "managedidentity, none; commandlineinterface and spiffeworkloadidentity are not supported.")

struct azure {
    struct lease lease;
    struct oauth oauth;
    const struct azure_config *config;
    uint32_t way;
    struct oauth_key *key;
    char *resource;                     /* "https://vault.azure.net" */
    struct text tenant, client;
};

/* The client and the config outlive it. */
bool azure_start(struct azure *, const struct azure_config *, const struct trb_host *, struct http *, const char *resource,
                 struct trb_error *err);
void azure_stop(struct azure *);        /* after http_destroy */
/* NULL when nothing is to be signed (azureAuthMethods none). */
const struct http_signer *azure_signer(const struct azure *);

#endif

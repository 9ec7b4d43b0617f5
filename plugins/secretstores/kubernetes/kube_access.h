/* kube_access: where the API server of Kubernetes is and how we prove who we are: from a kubeconfig file, or as
 * a pod's service account. */
#ifndef KUBE_ACCESS_H
#define KUBE_ACCESS_H

#include <base/text.h>
#include <stdbool.h>
#include <trilby/plugin.h>

struct kube_access {
    struct text server;                 /* https://host:port, no slash at the end */
    struct text token, token_path;      /* the path counts; read anew for each request */
    struct text ca, certificate, key;   /* PEM */
    struct text server_name;
    bool skip_verify;
};

bool kube_access_file(struct kube_access *, const char *path, struct trb_error *err);
bool kube_access_pod(struct kube_access *, const char *folder, struct trb_error *err);
/* The first of: path, KUBECONFIG, ~/.kube/config, the service account in folder. */
bool kube_access_find(struct kube_access *, const char *path, const char *folder, struct trb_error *err);
void kube_access_fini(struct kube_access *);    /* wipes */

#endif

/* tls: what a request says about certificates. PEM texts are checked when the client is made, so that a
 * wrong one is told at the start. */
#include <base/mem.h>
#include <base/slice.h>
#include <http/inside.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

static bool holds_certificate(struct trb_slice pem)
{
    BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    X509 *found = bio ? PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL) : NULL;
    X509_free(found);
    BIO_free(bio);
    ERR_clear_error();
    return found != NULL;
}

static bool holds_key(struct trb_slice pem, const char *password)
{
    BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    EVP_PKEY *found = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)(uintptr_t)(password ? password : "")) : NULL;
    EVP_PKEY_free(found);
    BIO_free(bio);
    ERR_clear_error();
    return found != NULL;
}

bool tls_check(const struct http_setup *s, struct trb_error *err)
{
    const struct http_tls *t = &s->tls;
    const char *wrong = NULL;
    if (t->ca_pem.at && !holds_certificate(t->ca_pem))
        wrong = "the authority to trust is no certificate in PEM form";
    else if (t->certificate_pem.at && !holds_certificate(t->certificate_pem))
        wrong = "the client's certificate is not in PEM form";
    else if (t->key_pem.at && !holds_key(t->key_pem, t->key_password))
        wrong = "the client's key is not in PEM form, or its password is wrong";
    if (wrong)
        trb_error(err, TRB_INVALID, "BAD_CERTIFICATE", "%s: %s", s->product, wrong);
    return !wrong;
}

static struct curl_blob blob(struct trb_slice pem)
{
    return (struct curl_blob){(void *)(uintptr_t)pem.at, pem.len, CURL_BLOB_COPY};
}

static void say_authorities(struct http_call *c, const struct http_tls *t)
{
    struct curl_blob ca = blob(t->ca_pem);
    const char *file = t->ca_file ? t->ca_file : getenv("SSL_CERT_FILE");
    file = file && *file ? file : NULL;
    if (t->ca_pem.at || file)
        curl_easy_setopt(c->easy, CURLOPT_CAPATH, NULL);        /* else the system's are trusted too */
    if (t->ca_pem.at)
        curl_easy_setopt(c->easy, CURLOPT_CAINFO_BLOB, &ca);
    else if (file)
        curl_easy_setopt(c->easy, CURLOPT_CAINFO, file);
    curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYPEER, t->skip_verify ? 0L : 1L);
    curl_easy_setopt(c->easy, CURLOPT_SSL_VERIFYHOST, t->skip_verify ? 0L : 2L);
    curl_easy_setopt(c->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
}

static void say_ourselves(struct http_call *c, const struct http_tls *t)
{
    struct curl_blob certificate = blob(t->certificate_pem), key = blob(t->key_pem);
    if (!t->certificate_pem.at)
        return;
    curl_easy_setopt(c->easy, CURLOPT_SSLCERTTYPE, "PEM");
    curl_easy_setopt(c->easy, CURLOPT_SSLCERT_BLOB, &certificate);
    if (t->key_pem.at)
        curl_easy_setopt(c->easy, CURLOPT_SSLKEY_BLOB, &key);
    if (t->key_password)
        curl_easy_setopt(c->easy, CURLOPT_KEYPASSWD, t->key_password);
}

/* libcurl takes SNI and the name to verify from the URL: so the URL names server_name, and the connection
 * still goes where the URL went. */
static bool say_server_name(struct http_call *c, const char *name)
{
    CURLU *u = curl_url();
    char *host = NULL, *port = NULL, *url = NULL;
    struct text to = {0};
    bool ok = u && !curl_url_set(u, CURLUPART_URL, c->url, 0) && !curl_url_get(u, CURLUPART_HOST, &host, 0) &&
              !curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) && !curl_url_set(u, CURLUPART_HOST, name, 0) &&
              !curl_url_get(u, CURLUPART_URL, &url, 0);
    if (ok) {
        text_addf(&to, "%s:%s:%s:%s", name, port, host, port);
        c->connect_to = curl_slist_append(NULL, to.at);
        text_clear(&to);
        text_addf(&to, strcmp(port, "443") ? "%s:%s" : "%s", host, port);
        curl_easy_setopt(c->easy, CURLOPT_CONNECT_TO, c->connect_to);
        curl_easy_setopt(c->easy, CURLOPT_URL, url);
        struct trb_pairs all = http_call_headers(c);
        if (!trb_pair_get(&all, "host").at)
            http_call_set(c, "Host", text_slice(&to));
    }
    curl_free(host);
    curl_free(port);
    curl_free(url);
    curl_url_cleanup(u);
    text_fini(&to);
    return ok;
}

bool tls_apply(struct http_call *c, const struct http_tls *t, struct trb_error *err)
{
    if (strncasecmp(c->url, "https:", 6))
        return true;
    say_authorities(c, t);
    say_ourselves(c, t);
    if (t->server_name && *t->server_name && !say_server_name(c, t->server_name))
        return trb_error(err, TRB_INVALID, "BAD_REQUEST", "%s: %s is no name of a server", c->http->setup.product, t->server_name), false;
    return true;
}

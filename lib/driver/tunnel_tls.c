/* One TLS session between memory and memory, by OpenSSL; nothing in a build without TLS.
 * SPDX-License-Identifier: MIT */
#include "lib/driver/tunnel_tls.h"

#ifdef TR_WITH_TLS

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    OWN_DAYS = 3650, /* of a certificate that is made here */
    BACK_S = 86400,  /* it holds since yesterday: a client's clock may be behind */
    TAKE_BYTES = 4096,
};

struct tr_tls_session {
    SSL *ssl;
    BIO *in; /* both the ssl's */
    BIO *out;
};

/* The context is counted by OpenSSL, so sessions may outlive what we hand out. */
static SSL_CTX *context_of(struct tr_tunnel_tls *tls)
{
    return (SSL_CTX *)(void *)tls;
}

static SSL_CTX *make_context(const SSL_METHOD *method)
{
    SSL_CTX *context = SSL_CTX_new(method);
    if (context == NULL)
        return NULL;
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
    return context;
}

struct tr_tunnel_tls *tr_tunnel_tls_client(void)
{
    static const unsigned char alpn[] = "\x08http/1.1"; /* what a browser says for a WebSocket */
    SSL_CTX *context = make_context(TLS_client_method());
    if (context != NULL)
        SSL_CTX_set_alpn_protos(context, alpn, sizeof(alpn) - 1);
    ERR_clear_error();
    return (struct tr_tunnel_tls *)(void *)context;
}

static int choose_alpn(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_size,
                       const unsigned char *offered, unsigned int offered_size, void *unused)
{
    static const unsigned char known[] = "\x08http/1.1";
    unsigned char *found;
    (void)ssl;
    (void)unused;
    if (SSL_select_next_proto(&found, chosen_size, known, sizeof(known) - 1, offered,
                              offered_size) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

static bool fill_own(X509 *certificate, EVP_PKEY *key)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    return X509_set_version(certificate, 2) == 1 &&
           ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), -(long)BACK_S) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), (long)OWN_DAYS * 86400) != NULL &&
           X509_set_pubkey(certificate, key) == 1 &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"tryst", -1,
                                      -1, 0) == 1 &&
           X509_set_issuer_name(certificate, name) == 1 &&
           X509_sign(certificate, key, EVP_sha256()) != 0;
}

/* Nobody checks it: it is there because TLS wants one. */
static bool use_own(SSL_CTX *context)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    bool good = key != NULL && certificate != NULL && fill_own(certificate, key) &&
                SSL_CTX_use_certificate(context, certificate) == 1 &&
                SSL_CTX_use_PrivateKey(context, key) == 1;
    X509_free(certificate);
    EVP_PKEY_free(key);
    return good;
}

/* The oldest error says what went wrong, later ones who was told. */
static void explain(char error[TR_TUNNEL_ERROR], const char *what)
{
    unsigned long code = ERR_get_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    snprintf(error, TR_TUNNEL_ERROR, "%.120s: %s", what,
             reason != NULL ? reason : "OpenSSL does not take it");
    ERR_clear_error();
}

/* A key behind a passphrase is refused: nobody is there to be asked. */
static int no_passphrase(char *text, int size, int is_writing, void *unused)
{
    (void)text;
    (void)size;
    (void)is_writing;
    (void)unused;
    return -1;
}

static bool use_files(SSL_CTX *context, const char *certificate, const char *key,
                      char error[TR_TUNNEL_ERROR])
{
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1) {
        explain(error, certificate);
        return false;
    }
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1) {
        explain(error, key);
        return false;
    }
    return true;
}

struct tr_tunnel_tls *tr_tunnel_tls_server(const char *certificate, const char *key,
                                           char error[TR_TUNNEL_ERROR])
{
    ERR_clear_error();
    SSL_CTX *context = make_context(TLS_server_method());
    bool good = context != NULL;
    if (!good)
        explain(error, "TLS");
    if (good && certificate != NULL)
        good = use_files(context, certificate, key, error);
    else if (good && !use_own(context)) {
        explain(error, "a self-signed certificate");
        good = false;
    }
    if (!good) {
        SSL_CTX_free(context);
        return NULL;
    }
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_alpn_select_cb(context, choose_alpn, NULL);
    return (struct tr_tunnel_tls *)(void *)context;
}

struct tr_tunnel_tls *tr_tunnel_tls_hold(struct tr_tunnel_tls *tls)
{
    if (tls != NULL)
        SSL_CTX_up_ref(context_of(tls));
    return tls;
}

void tr_tunnel_tls_destroy(struct tr_tunnel_tls *tls)
{
    SSL_CTX_free(context_of(tls));
}

/* RFC 6066, section 3: a name, never an address. */
static bool is_name(const char *host)
{
    return host != NULL && strchr(host, ':') == NULL && strspn(host, "0123456789.") != strlen(host);
}

struct tr_tls_session *tr_tls_session_create(struct tr_tunnel_tls *tls, enum tr_tunnel_role role,
                                             const char *host)
{
    struct tr_tls_session *session = calloc(1, sizeof(*session));
    if (session == NULL)
        return NULL;
    session->ssl = SSL_new(context_of(tls));
    session->in = BIO_new(BIO_s_mem());
    session->out = BIO_new(BIO_s_mem());
    if (session->ssl == NULL || session->in == NULL || session->out == NULL) {
        BIO_free(session->in);
        BIO_free(session->out);
        SSL_free(session->ssl);
        free(session);
        ERR_clear_error();
        return NULL;
    }
    BIO_set_mem_eof_return(session->in, -1); /* empty is not the end */
    SSL_set_bio(session->ssl, session->in, session->out);
    if (role == TR_TUNNEL_SERVER)
        SSL_set_accept_state(session->ssl);
    else
        SSL_set_connect_state(session->ssl);
    if (role == TR_TUNNEL_CLIENT && is_name(host))
        SSL_set_tlsext_host_name(session->ssl, host);
    ERR_clear_error();
    return session;
}

void tr_tls_session_destroy(struct tr_tls_session *session)
{
    if (session == NULL)
        return;
    SSL_free(session->ssl); /* with its BIOs */
    free(session);
    ERR_clear_error();
}

bool tr_tls_session_push(struct tr_tls_session *session, const void *data, size_t size)
{
    return size == 0 || BIO_write(session->in, data, (int)size) == (int)size;
}

int tr_tls_session_pull(struct tr_tls_session *session, uint8_t *data, size_t size)
{
    ERR_clear_error();
    int got = SSL_read(session->ssl, data, (int)size);
    if (got > 0)
        return got;
    int error = SSL_get_error(session->ssl, got);
    ERR_clear_error();
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

bool tr_tls_session_is_open(const struct tr_tls_session *session)
{
    return SSL_is_init_finished(session->ssl) != 0;
}

bool tr_tls_session_seal(struct tr_tls_session *session, const void *data, size_t size)
{
    ERR_clear_error();
    bool good = SSL_write(session->ssl, data, (int)size) == (int)size;
    ERR_clear_error();
    return good;
}

bool tr_tls_session_take(struct tr_tls_session *session, struct tr_bytes *out, size_t most)
{
    uint8_t records[TAKE_BYTES];
    int got;
    while ((got = BIO_read(session->out, records, sizeof(records))) > 0)
        if (!tr_bytes_append(out, records, (size_t)got, most))
            return false;
    return true;
}

#endif

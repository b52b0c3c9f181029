/*
 * Certificates, made and read.
 *
 * Nobody checks the dates of a certificate that signs itself, or its names: whoever knows the id
 * compares the key, and whoever does not has nothing to compare.  So it is valid for ever, and all
 * that it says is the id.  RFC 5280, section 4.1.2.5, gives the date that means "no end".
 */
#include "certificate.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "iq/key.h"
#include "random.h"

#define SERIAL_LEN 16 /* bytes; at most 20.  RFC 5280, section 4.1.2.2 */

struct iq_certificate {
    X509 *leaf;
    EVP_PKEY *key;
    STACK_OF(X509) * chain; /* up to the root */
};

static struct iq_certificate *new_certificate(void)
{
    struct iq_certificate *certificate = calloc(1, sizeof(*certificate));

    if (certificate != NULL) {
        certificate->chain = sk_X509_new_null();
    }
    if (certificate == NULL || certificate->chain == NULL) {
        free(certificate);
        return NULL;
    }
    return certificate;
}

void iq_certificate_free(struct iq_certificate *certificate)
{
    if (certificate == NULL) {
        return;
    }
    sk_X509_pop_free(certificate->chain, X509_free);
    EVP_PKEY_free(certificate->key);
    X509_free(certificate->leaf);
    free(certificate);
}

/* Our own */

static bool set_serial(X509 *x509)
{
    uint8_t bytes[SERIAL_LEN];
    BIGNUM *number;
    bool done;

    iq_random_fill(bytes, sizeof(bytes));
    bytes[0] &= 0x7f; /* it is a positive number */
    number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    done = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)) != NULL;
    BN_free(number);
    return done;
}

/* The id is the name of both the owner and the issuer. */
static bool set_name(X509 *x509, const EVP_PKEY *key)
{
    X509_NAME *name = X509_get_subject_name(x509);
    char text[IQ_ID_STR_SIZE];
    struct iq_id id;
    size_t len = sizeof(id.key);

    return EVP_PKEY_get_raw_public_key(key, id.key, &len) == 1 && len == sizeof(id.key) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                      (const unsigned char *)iq_id_str(&id, text), -1, -1,
                                      0) == 1 &&
           X509_set_issuer_name(x509, name) == 1;
}

static bool add_extension(X509 *x509, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;
    bool done;

    X509V3_set_ctx(&context, x509, x509, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    done = extension != NULL && X509_add_ext(x509, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return done;
}

static bool sign(X509 *x509, EVP_PKEY *key)
{
    return X509_set_version(x509, X509_VERSION_3) == 1 && set_serial(x509) && set_name(x509, key) &&
           ASN1_TIME_set_string_X509(X509_getm_notBefore(x509), "19700101000000Z") == 1 &&
           ASN1_TIME_set_string_X509(X509_getm_notAfter(x509), "99991231235959Z") == 1 &&
           X509_set_pubkey(x509, key) == 1 &&
           add_extension(x509, NID_basic_constraints, "critical,CA:FALSE") &&
           add_extension(x509, NID_key_usage, "critical,digitalSignature") &&
           add_extension(x509, NID_ext_key_usage, "serverAuth") &&
           add_extension(x509, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") &&
           X509_sign(x509, key, NULL) > 0; /* ed25519 has its digest inside.  RFC 8410 */
}

int iq_certificate_sign(struct iq_certificate **certificate, EVP_PKEY *key)
{
    struct iq_certificate *self = new_certificate();

    if (self == NULL) {
        return IQ_ERR_NOMEM;
    }
    self->leaf = X509_new();
    if (self->leaf == NULL || EVP_PKEY_up_ref(key) != 1) {
        iq_certificate_free(self);
        return IQ_ERR_NOMEM;
    }
    self->key = key;
    if (!sign(self->leaf, key)) {
        ERR_clear_error();
        iq_certificate_free(self);
        return IQ_ERR_CRYPTO;
    }
    *certificate = self;
    return 0;
}

/* Somebody else's */

/* A key that wants a password has none: we ask nobody. */
static int no_password(char *text, int size, int writing, void *arg) { return -1; }

static bool read_chain(struct iq_certificate *certificate, BIO *pem)
{
    X509 *x509;

    certificate->leaf = PEM_read_bio_X509(pem, NULL, no_password, NULL);
    if (certificate->leaf == NULL) {
        return false;
    }
    while ((x509 = PEM_read_bio_X509(pem, NULL, no_password, NULL)) != NULL) {
        if (sk_X509_push(certificate->chain, x509) <= 0) {
            X509_free(x509);
            return false;
        }
    }
    /* The end of the text is the only way to end well. */
    return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

static bool read_all(struct iq_certificate *certificate, const char *pem, const char *key_pem)
{
    BIO *text = BIO_new_mem_buf(pem, -1);
    BIO *key_text = BIO_new_mem_buf(key_pem, -1);
    bool done = text != NULL && key_text != NULL && read_chain(certificate, text);

    if (done) {
        certificate->key = PEM_read_bio_PrivateKey(key_text, NULL, no_password, NULL);
        done = certificate->key != NULL &&
               X509_check_private_key(certificate->leaf, certificate->key) == 1;
    }
    BIO_free(text);
    BIO_free(key_text);
    ERR_clear_error();
    return done;
}

int iq_certificate_read(struct iq_certificate **certificate, const char *pem, const char *key_pem)
{
    struct iq_certificate *self = new_certificate();

    if (self == NULL) {
        return IQ_ERR_NOMEM;
    }
    if (!read_all(self, pem, key_pem)) {
        iq_certificate_free(self);
        return IQ_ERR_INVALID_CERT;
    }
    *certificate = self;
    return 0;
}

int iq_certificate_use(const struct iq_certificate *certificate, SSL *ssl)
{
    if (SSL_use_cert_and_key(ssl, certificate->leaf, certificate->key, certificate->chain, 1) ==
        1) {
        return 0;
    }
    ERR_clear_error();
    return IQ_ERR_CRYPTO;
}

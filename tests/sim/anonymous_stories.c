/*
 * Routes that ask for no key, beside others that do: what each kind of client gets to see, and what
 * it can speak.  The ALPN decides, and our order of them.
 */
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "evil.h"
#include "note.h"

#define A_WHILE (60 * SIM_SECOND)

#define IROH "\x13iroh-example/echo/0"
#define H3   "\x02h3"

static const uint8_t good_seed[IQ_KEY_LEN] = "a seed, which has to be 32 bytes";

enum shown { SHOWS_NOTHING, SHOWS_RAW_KEY, SHOWS_OWN_CERT, SHOWS_P256_CERT };

static const struct row {
    const char *name;
    struct evil_options options;
    const char *spoken; /* NULL: refused, and the peer sees `code` */
    uint64_t code;
    enum shown shown;
    bool anonymous;
    bool h3_first;     /* in our table */
    bool h3_wants_key; /* the route is as any other */
    bool has_cert;     /* the application has brought one of P-256 */
} rows[] = {
    /* The four combinations, with a key and without */
    {.name = "a raw key, iroh",
     .options = {.alpn = IROH},
     .spoken = "iroh-example/echo/0",
     .shown = SHOWS_RAW_KEY},
    {.name = "certificates only, iroh",
     .options = {.alpn = IROH, .no_raw_keys = true},
     .code = 0x128}, /* handshake_failure */
    {.name = "a raw key, h3",
     .options = {.alpn = H3},
     .spoken = "h3",
     .anonymous = true,
     .shown = SHOWS_RAW_KEY},
    {.name = "certificates only, h3",
     .options = {.alpn = H3, .no_raw_keys = true},
     .spoken = "h3",
     .anonymous = true,
     .shown = SHOWS_OWN_CERT},
    {.name = "no key, iroh",
     .options = {.alpn = IROH, .key = EVIL_KEY_NONE},
     .code = IQ_CODE_NO_KEY},
    {.name = "no key, certificates only, iroh",
     .options = {.alpn = IROH, .key = EVIL_KEY_NONE, .no_raw_keys = true},
     .code = 0x128},
    {.name = "no key, h3",
     .options = {.alpn = H3, .key = EVIL_KEY_NONE},
     .spoken = "h3",
     .anonymous = true,
     .shown = SHOWS_RAW_KEY},
    {.name = "no key, certificates only, h3",
     .options = {.alpn = H3, .key = EVIL_KEY_NONE, .no_raw_keys = true},
     .spoken = "h3",
     .anonymous = true,
     .shown = SHOWS_OWN_CERT},
    {.name = "a key of small order, h3", /* nobody looks at it */
     .options = {.alpn = H3, .key = EVIL_KEY_SMALL_ORDER},
     .spoken = "h3",
     .anonymous = true,
     .shown = SHOWS_RAW_KEY},

    /* Several at once: the rules are those of what is spoken */
    {.name = "both, iroh stands first",
     .options = {.alpn = H3 IROH},
     .spoken = "iroh-example/echo/0",
     .shown = SHOWS_RAW_KEY},
    {.name = "both without a key, iroh stands first",
     .options = {.alpn = H3 IROH, .key = EVIL_KEY_NONE},
     .code = IQ_CODE_NO_KEY},
    {.name = "both with certificates only, iroh stands first",
     .options = {.alpn = H3 IROH, .no_raw_keys = true},
     .code = 0x128},
    {.name = "both, h3 stands first",
     .options = {.alpn = IROH H3},
     .h3_first = true,
     .spoken = "h3",
     .anonymous = true,
     .shown = SHOWS_RAW_KEY},
    {.name = "both with certificates only, h3 stands first",
     .options = {.alpn = IROH H3, .key = EVIL_KEY_NONE, .no_raw_keys = true},
     .h3_first = true,
     .spoken = "h3",
     .anonymous = true,
     .shown = SHOWS_OWN_CERT},
    {.name = "h3 among unknown ones",
     .options = {.alpn = "\x02h2" H3 "\x08http/1.1", .no_raw_keys = true},
     .spoken = "h3",
     .anonymous = true,
     .shown = SHOWS_OWN_CERT},
    {.name = "unknown ones", .options = {.alpn = "\x02h2\x02h4"}, .code = IQ_CODE_NO_ALPN},

    /* Only a route that says so is anonymous */
    {.name = "h3 wants a key",
     .options = {.alpn = H3},
     .h3_wants_key = true,
     .spoken = "h3",
     .shown = SHOWS_RAW_KEY},
    {.name = "h3 wants a key, and there is none",
     .options = {.alpn = H3, .key = EVIL_KEY_NONE},
     .h3_wants_key = true,
     .code = IQ_CODE_NO_KEY},
    {.name = "h3 wants a key, certificates only",
     .options = {.alpn = H3, .no_raw_keys = true},
     .h3_wants_key = true,
     .code = 0x128},

    /* A certificate of one's own */
    {.name = "a certificate, h3",
     .options = {.alpn = H3, .no_raw_keys = true},
     .has_cert = true,
     .spoken = "h3",
     .anonymous = true,
     .shown = SHOWS_P256_CERT},
    {.name = "a certificate that a raw key does not need, h3",
     .options = {.alpn = H3},
     .has_cert = true,
     .spoken = "h3",
     .anonymous = true,
     .shown = SHOWS_RAW_KEY},
    {.name = "a certificate, iroh",
     .options = {.alpn = IROH},
     .has_cert = true,
     .spoken = "iroh-example/echo/0",
     .shown = SHOWS_RAW_KEY},
    {.name = "a certificate, certificates only, iroh",
     .options = {.alpn = IROH, .no_raw_keys = true},
     .has_cert = true,
     .code = 0x128},
};

/* A certificate, and its key, as text */

static char cert_text[4096], key_text[1024];

static void take_text(char *text, size_t size, BIO *bio)
{
    const int len = BIO_read(bio, text, (int)size - 1);

    text[len > 0 ? len : 0] = '\0';
    BIO_free(bio);
}

static void make_cert(const struct sim *sim)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    BIO *cert_bio = BIO_new(BIO_s_mem()), *key_bio = BIO_new(BIO_s_mem());

    (void)X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    (void)X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    SIM_EXPECT(sim, X509_set_pubkey(cert, key) == 1 && X509_sign(cert, key, EVP_sha256()) > 0);
    SIM_EXPECT(sim, PEM_write_bio_X509(cert_bio, cert) == 1);
    SIM_EXPECT(sim, PEM_write_bio_PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) == 1);
    take_text(cert_text, sizeof(cert_text), cert_bio);
    take_text(key_text, sizeof(key_text), key_bio);
    EVP_PKEY_free(key);
    X509_free(cert);
}

static bool is_key_of(const EVP_PKEY *key, const struct iq_id *id)
{
    struct iq_id found;
    size_t len = sizeof(found.key);

    return EVP_PKEY_is_a(key, "ED25519") &&
           EVP_PKEY_get_raw_public_key(key, found.key, &len) == 1 && iq_id_equal(&found, id);
}

static enum shown what_was_shown(const struct evil *evil, const struct iq_id *id)
{
    EVP_PKEY *raw = SSL_get0_peer_rpk(evil->ssl);
    X509 *cert = SSL_get0_peer_certificate(evil->ssl);
    const EVP_PKEY *key = cert == NULL ? raw : X509_get0_pubkey(cert);

    if (key == NULL) {
        return SHOWS_NOTHING;
    }
    if (cert == NULL) {
        return is_key_of(key, id) ? SHOWS_RAW_KEY : SHOWS_NOTHING;
    }
    if (is_key_of(key, id)) { /* and it is what it has signed itself */
        return X509_verify(cert, X509_get0_pubkey(cert)) == 1 &&
                       X509_check_host(cert, "localhost", 0, 0, NULL) == 1 &&
                       X509_check_ip_asc(cert, "127.0.0.1", 0) == 1 &&
                       X509_cmp_current_time(X509_get0_notBefore(cert)) < 0 &&
                       X509_cmp_current_time(X509_get0_notAfter(cert)) > 0
                   ? SHOWS_OWN_CERT
                   : SHOWS_NOTHING;
    }
    return EVP_PKEY_is_a(key, "EC") ? SHOWS_P256_CERT : SHOWS_NOTHING;
}

static void expect_outcome(const struct sim *sim, const struct row *row, const struct evil *evil,
                           const struct note *heard, const struct iq_id *id)
{
    const bool refused = heard->opened == 0 && heard->closed == 0 && evil->closed_count == 1 &&
                         evil->code == row->code;
    const bool spoken = heard->opened == 1 && evil->completed && row->spoken != NULL &&
                        strcmp(heard->alpn, row->spoken) == 0 && heard->anonymous == row->anonymous;

    if (row->spoken == NULL ? !refused : !spoken || what_was_shown(evil, id) != row->shown) {
        SIM_FAIL(sim, "%s: handler called %u times, \"%s\", anonymous %d, shown %d, code %#llx",
                 row->name, heard->opened, heard->alpn, heard->anonymous,
                 (int)what_was_shown(evil, id), (unsigned long long)evil->code);
    }
}

static void tell_row(const struct sim_options *options, const struct row *row)
{
    const struct iq_endpoint_config config = {.certificate = row->has_cert ? cert_text : NULL,
                                              .certificate_key = row->has_cert ? key_text : NULL,
                                              .sessions_max = 16};
    struct sim *sim = sim_new(options);
    struct sim_node *accepts, *raw;
    struct note heard = {0};
    const struct iq_route iroh = {
        .alpn = "iroh-example/echo/0", .handler = &note_handler, .data = &heard};
    const struct iq_route h3 = {
        .alpn = "h3", .handler = &note_handler, .data = &heard, .anonymous = !row->h3_wants_key};
    const struct iq_route routes[] = {row->h3_first ? h3 : iroh, row->h3_first ? iroh : h3, {0}};
    struct evil_options wanted = row->options;
    static struct evil evil;

    sim->memory_uncounted = true; /* OpenSSL keeps what it has looked up */
    make_cert(sim);
    memcpy(wanted.seed, good_seed, IQ_KEY_LEN);
    accepts = sim_add_endpoint(sim, &config);
    raw = sim_add_raw(sim);
    watch_listen(accepts, routes);
    evil_dial(&evil, raw, accepts, &wanted);
    sim_run_for(sim, 5 * SIM_SECOND);
    if (row->spoken != NULL) {
        evil_fall_silent(&evil);
    }
    sim_run_for(sim, A_WHILE);
    expect_outcome(sim, row, &evil, &heard, iq_endpoint_id(accepts->endpoint));
    SIM_EXPECT(sim, (evil.ticket != NULL) == (row->spoken != NULL && !row->anonymous));
    evil_free(&evil);
    sim_free(sim);
}

static void tell_rows(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        tell_row(options, &rows[i]);
    }
}

/* A ticket of one route on another: what was proven once counts where a key is wanted, and changes
 * nothing where none is. */
static void tell_tickets(const struct sim_options *options)
{
    const struct iq_endpoint_config config = {.sessions_max = 16};
    struct sim *sim = sim_new(options);
    struct note heard = {0};
    const struct iq_route routes[] = {
        {.alpn = "iroh-example/echo/0", .handler = &note_handler, .data = &heard},
        {.alpn = "h3", .handler = &note_handler, .data = &heard, .anonymous = true},
        {0}};
    struct evil_options wanted = {.alpn = IROH};
    struct sim_node *accepts, *raw;
    static struct evil evil;
    unsigned i;

    sim->memory_uncounted = true;
    memcpy(wanted.seed, good_seed, IQ_KEY_LEN);
    accepts = sim_add_endpoint(sim, &config);
    raw = sim_add_raw(sim);
    watch_listen(accepts, routes);
    for (i = 0; i < 3; i++) {
        evil_dial(&evil, raw, accepts, &wanted);
        sim_run_for(sim, 5 * SIM_SECOND);
        evil_fall_silent(&evil);
        sim_run_for(sim, A_WHILE);
        SIM_EXPECT(sim, heard.opened == i + 1 && heard.anonymous == (i == 1));
        SIM_EXPECT(sim, evil.was_resumed == (i == 1) && (evil.ticket != NULL) == (i != 1));
        SSL_SESSION_free(wanted.resume);
        wanted.resume = evil.ticket;
        wanted.alpn = i == 0 ? H3 : IROH;
        evil.ticket = NULL;
        evil_free(&evil);
    }
    SSL_SESSION_free(wanted.resume);
    sim_free(sim);
}

/* Whatever is no certificate with its key is refused when the endpoint is made. */
static void tell_wrong_certs(const struct sim_options *options)
{
    struct sim *sim = sim_new(options);
    struct sim_node *node = sim_add_raw(sim);
    static char other_key[sizeof(key_text)];
    struct iq_endpoint *endpoint;
    size_t i;

    sim->memory_uncounted = true;
    make_cert(sim);
    memcpy(other_key, key_text, sizeof(key_text));
    make_cert(sim);
    {
        const struct iq_endpoint_config wrong[] = {
            {.certificate = cert_text},
            {.certificate_key = key_text},
            {.certificate = cert_text, .certificate_key = ""},
            {.certificate = cert_text, .certificate_key = cert_text},
            {.certificate = cert_text, .certificate_key = other_key},
            {.certificate = key_text, .certificate_key = key_text},
            {.certificate = "", .certificate_key = key_text},
        };

        for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
            SIM_EXPECT(sim,
                       iq_endpoint_new(&endpoint, &node->wire, &wrong[i]) == IQ_ERR_INVALID_CERT);
        }
    }
    sim_free(sim);
}

/* Dials an anonymous route; its hello finds this allocation denied (0: none).  Returns how many
 * there were. */
static uint64_t dial_without(struct evil *evil, struct sim_node *accepts, uint64_t denied)
{
    static const struct evil_options wanted = {
        .alpn = H3, .key = EVIL_KEY_NONE, .no_raw_keys = true};
    const uint64_t received_before = accepts->received_count;
    struct sim *sim = accepts->sim;
    uint64_t asked;

    evil_dial(evil, sim_add_raw(sim), accepts, &wanted);
    sim_deny_memory(denied, denied);
    while (accepts->received_count == received_before && sim_step(sim)) {
    }
    asked = sim_allocation_count();
    sim_deny_memory(0, 0);
    sim_run_for(sim, 5 * SIM_SECOND);
    evil_fall_silent(evil);
    sim_run_for(sim, A_WHILE);
    return asked;
}

/* Whoever comes next is admitted.  Returns whether there were so many allocations. */
static bool admit_after(const struct sim_options *options, uint64_t denied)
{
    struct sim *sim = sim_new(options);
    struct note heard = {0};
    const struct iq_route routes[] = {
        {.alpn = "h3", .handler = &note_handler, .data = &heard, .anonymous = true}, {0}};
    struct sim_node *accepts = sim_add_endpoint(sim, NULL);
    static struct evil first, next;
    uint64_t asked;

    sim->memory_uncounted = true; /* OpenSSL keeps what it has looked up */
    watch_listen(accepts, routes);
    asked = dial_without(&first, accepts, denied);
    (void)dial_without(&next, accepts, 0);
    SIM_EXPECT(sim, next.completed);
    SIM_EXPECT(sim, what_was_shown(&next, iq_endpoint_id(accepts->endpoint)) == SHOWS_OWN_CERT);
    evil_free(&first);
    evil_free(&next);
    sim_free(sim);
    return asked >= denied;
}

static void tell_scarce_memory(const struct sim_options *options)
{
    uint64_t denied = 1;

    while (admit_after(options, denied)) {
        denied += 6000 / story_scale(2000);
    }
    assert_true(denied > 5); /* where OpenSSL is shared, only what is ours */
}

const struct story anonymous_stories[] = {
    {.name = "evil_anonymous", .run = tell_rows, .seeds = 2},
    {.name = "memory_anonymous", .run = tell_scarce_memory, .weather = STORY_CALM_ONLY},
    {.name = "evil_anonymous_tickets", .run = tell_tickets, .seeds = 2},
    {.name = "evil_wrong_certs", .run = tell_wrong_certs, .weather = STORY_CALM_ONLY},
    {0},
};

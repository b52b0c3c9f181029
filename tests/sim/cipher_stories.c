/* Which cipher is spoken, by processors with and without instructions for AES. */
#include <string.h>

#include "cpu.h"
#include "evil.h"
#include "note.h"
#include "story.h"

#define OFFER "\x13" APP_ALPN

#define AES_128 "TLS_AES_128_GCM_SHA256"
#define AES_256 "TLS_AES_256_GCM_SHA384"
#define CHACHA  "TLS_CHACHA20_POLY1305_SHA256"

static bool has_no_aes;

/* The linker sets these names. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
bool __wrap_iq_cpu_has_aes(void);

bool __wrap_iq_cpu_has_aes(void) { return !has_no_aes; }

/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static const struct row {
    const char *name;
    bool dials; /* we do */
    bool has_no_aes;
    const char *theirs;
    const char *spoken;
} rows[] = {
    {"asked for AES", false, false, AES_128 ":" CHACHA, AES_128},
    {"asked for AES, the long one first", false, false, AES_256 ":" AES_128, AES_128},
    {"asked for ChaCha20", false, false, CHACHA ":" AES_128, CHACHA},
    {"asked for nothing but ChaCha20", false, false, CHACHA, CHACHA},
    {"without AES", false, true, AES_128 ":" CHACHA, CHACHA},
    {"without AES, asked for nothing else", false, true, AES_128, AES_128},
    {"dials", true, false, CHACHA ":" AES_128, AES_128},
    {"dials one that has no AES", true, false, CHACHA, CHACHA},
    {"dials without AES", true, true, AES_128 ":" CHACHA, CHACHA},
    {"dials without AES one that has nothing else", true, true, AES_128, AES_128},
};

static void start(struct sim *sim, struct evil *evil, const struct row *row, struct note *heard)
{
    static struct iq_route routes[2]; /* they must outlive the simulation */
    const struct evil_options wanted = {.alpn = OFFER, .ciphers = row->theirs, .seed = "a cipher"};
    struct sim_node *ours = sim_add_endpoint(sim, NULL);
    struct sim_node *raw = sim_add_raw(sim);
    struct iq_addr addr = {.count = 1, .socket_addrs = {raw->addrs[0]}};
    struct iq_secret_key key;

    if (!row->dials) {
        routes[0] = (struct iq_route){.alpn = APP_ALPN, .handler = &note_handler, .data = heard};
        watch_listen(ours, routes);
        evil_dial(evil, raw, ours, &wanted);
        return;
    }
    iq_secret_key_from_seed(&key, wanted.seed);
    addr.id = key.id;
    evil_answer(evil, raw, &wanted);
    SIM_EXPECT(sim, watch_dial(NULL, ours, &addr, APP_ALPN, &note_handler, heard, NULL) == 0);
}

static void negotiate(const struct sim_options *options, const struct row *row)
{
    struct sim *sim = sim_new(options);
    struct note heard = {0};
    static struct evil evil;
    const char *spoken;

    has_no_aes = row->has_no_aes;
    start(sim, &evil, row, &heard);
    sim_run_for(sim, 5 * SIM_SECOND);
    spoken = SSL_get_cipher_name(evil.ssl);
    if (heard.opened != 1 || !evil.completed || strcmp(spoken, row->spoken) != 0) {
        SIM_FAIL(sim, "%s: opened %u, %s", row->name, heard.opened, spoken);
    }
    evil_fall_silent(&evil);
    sim_run_for(sim, 60 * SIM_SECOND);
    evil_free(&evil);
    sim_free(sim);
    has_no_aes = false;
}

static void tell_negotiated(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        negotiate(options, &rows[i]);
    }
}

const struct story cipher_stories[] = {
    {.name = "cipher_negotiated", .run = tell_negotiated},
    {0},
};

/* Tickets in the wrong hands, or damaged: nobody becomes somebody else with one. */
#include <string.h>
#include <time.h>

#include "clock.h"
#include "evil.h"
#include "note.h"

#define A_WHILE (60 * SIM_SECOND)

#define OFFER "\x13iroh-example/echo/0"

#define HOUR_S UINT64_C(3600)

#define FLIPS 10000

static const struct iq_endpoint_config keeps_sessions = {.sessions_max = 256};

/* A session as bytes, which outlive the peer that it was given to. */
struct ticket {
    unsigned char bytes[4096];
    int len; /* 0: there is none */
};

/* A peer that does not use our library, and what it has got from ours. */
struct client {
    struct sim_node *node;
    struct evil_options options;
    struct iq_id id;
    struct ticket ticket; /* the latest */
};

/* The accept side, and what it has heard. */
struct scene {
    struct sim *sim;
    struct sim_node *accepts;
    struct iq_route routes[3];
    struct note heard;
};

static void begin(struct scene *self, const struct sim_options *options)
{
    *self = (struct scene){.sim = sim_new(options)};
    self->routes[0] =
        (struct iq_route){.alpn = APP_ALPN, .handler = &note_handler, .data = &self->heard};
    self->routes[1] =
        (struct iq_route){.alpn = "another/0", .handler = &note_handler, .data = &self->heard};
    self->accepts = sim_add_endpoint(self->sim, &keeps_sessions);
    watch_listen(self->accepts, self->routes);
}

static struct client make_client(struct scene *self, const char *seed)
{
    struct client client = {.node = sim_add_raw(self->sim), .options = {.alpn = OFFER}};
    struct iq_secret_key key;

    memcpy(client.options.seed, seed, IQ_KEY_LEN);
    iq_secret_key_from_seed(&key, client.options.seed);
    client.id = key.id;
    return client;
}

static SSL_SESSION *session_from(const struct ticket *ticket)
{
    const unsigned char *bytes = ticket->bytes;

    return ticket->len == 0 ? NULL : d2i_SSL_SESSION(NULL, &bytes, ticket->len);
}

static void keep_ticket(struct client *client, const SSL_SESSION *session)
{
    unsigned char *bytes = client->ticket.bytes;

    SIM_EXPECT(client->node->sim,
               i2d_SSL_SESSION(session, NULL) <= (int)sizeof(client->ticket.bytes));
    client->ticket.len = i2d_SSL_SESSION(session, &bytes);
}

struct outcome {
    bool opened, resumed;
    uint64_t code; /* that the client saw */
};

/* Dials with `ticket`, NULL for none, and keeps the one that it gets. */
static struct outcome dial(struct scene *self, struct client *client, struct sim_node *to,
                           const struct ticket *ticket)
{
    static struct evil evil;
    const unsigned before = self->heard.opened;
    SSL_SESSION *resume = ticket == NULL ? NULL : session_from(ticket);
    struct outcome outcome;

    client->options.resume = resume;
    evil_dial(&evil, client->node, to, &client->options);
    sim_run_for(self->sim, SIM_SECOND);
    outcome = (struct outcome){
        .opened = self->heard.opened != before, .resumed = evil.was_resumed, .code = evil.code};
    SIM_EXPECT(self->sim, outcome.opened == evil.completed);
    SIM_EXPECT(self->sim, !outcome.opened || iq_id_equal(&self->heard.remote_id, &client->id));
    if (evil.ticket != NULL) {
        keep_ticket(client, evil.ticket);
    }
    evil_fall_silent(&evil);
    if (watch_conn(to, 0) != NULL) {
        iq_conn_close(watch_conn(to, 0), 0, NULL);
    }
    sim_run_for(self->sim, 20 * SIM_SECOND);
    evil_free(&evil);
    SSL_SESSION_free(resume);
    return outcome;
}

/* The session with other bytes as its ticket: what somebody has who saw them on their way. */
static struct ticket with_ticket_of(const struct scene *self, const struct ticket *own,
                                    const struct ticket *other)
{
    SSL_SESSION *ours = session_from(own), *theirs = session_from(other);
    struct ticket forged = *own;
    unsigned char *place = forged.bytes;
    const unsigned char *old, *new;
    size_t old_len, new_len;

    SSL_SESSION_get0_ticket(ours, &old, &old_len);
    SSL_SESSION_get0_ticket(theirs, &new, &new_len);
    SIM_EXPECT(self->sim, old_len == new_len);
    while (memcmp(place, old, old_len) != 0) {
        place++;
        SIM_EXPECT(self->sim, place + old_len <= forged.bytes + forged.len);
    }
    memcpy(place, new, new_len);
    SSL_SESSION_free(ours);
    SSL_SESSION_free(theirs);
    return forged;
}

static void tell_stolen(const struct sim_options *options)
{
    struct scene self;
    struct client victim, thief;
    struct ticket forged;
    struct outcome outcome;

    begin(&self, options);
    victim = make_client(&self, "the seed of one who has a ticket");
    thief = make_client(&self, "the seed of one who has seen it.");
    SIM_EXPECT(self.sim, dial(&self, &victim, self.accepts, NULL).opened);
    SIM_EXPECT(self.sim, dial(&self, &thief, self.accepts, NULL).opened);
    forged = with_ticket_of(&self, &thief.ticket, &victim.ticket);
    outcome = dial(&self, &thief, self.accepts, &forged);
    SIM_EXPECT(self.sim, !outcome.opened && outcome.code == IQ_CODE_BAD_SIGNATURE);
    outcome = dial(&self, &victim, self.accepts, &victim.ticket); /* it is used up */
    SIM_EXPECT(self.sim, outcome.opened && !outcome.resumed);
    outcome = dial(&self, &victim, self.accepts, &victim.ticket);
    SIM_EXPECT(self.sim, outcome.opened && outcome.resumed);
    sim_free(self.sim);
}

/* A ticket of one endpoint is nothing to another, and on its second use nothing to its own. */
static void tell_elsewhere(const struct sim_options *options)
{
    struct scene self;
    struct sim_node *other;
    struct client client;
    struct ticket twice;
    struct outcome outcome;

    begin(&self, options);
    other = sim_add_endpoint(self.sim, &keeps_sessions);
    watch_listen(other, self.routes);
    client = make_client(&self, "the seed of one who gets around.");
    SIM_EXPECT(self.sim, dial(&self, &client, self.accepts, NULL).opened);
    outcome = dial(&self, &client, other, &client.ticket);
    SIM_EXPECT(self.sim, outcome.opened && !outcome.resumed);
    twice = client.ticket; /* of the other one */
    outcome = dial(&self, &client, other, &twice);
    SIM_EXPECT(self.sim, outcome.opened && outcome.resumed);
    outcome = dial(&self, &client, other, &twice);
    SIM_EXPECT(self.sim, outcome.opened && !outcome.resumed);
    sim_free(self.sim);
}

/* One who holds that his ticket was made just now. */
static void make_young(struct client *client)
{
    SSL_SESSION *session = session_from(&client->ticket);

    SIM_EXPECT(client->node->sim, SSL_SESSION_set_time_ex(session, time(NULL)) != 0);
    keep_ticket(client, session);
    SSL_SESSION_free(session);
}

/* How old a session is says the side that answers: after two hours, or when its clock was set, it
 * knows it no more, and its peer shows his key as at first. */
static void tell_overdue(const struct sim_options *options)
{
    static const struct {
        uint64_t wait_s;
        int64_t jump_s;
        bool resumes;
    } rows[] = {
        {.wait_s = HOUR_S, .resumes = true},
        {.wait_s = 3 * HOUR_S},
        {.jump_s = INT64_C(8) * 24 * HOUR_S},
        {.wait_s = 60, .resumes = true},
    };
    struct outcome outcome;
    struct client client;
    struct scene self;
    size_t i;

    begin(&self, options);
    client = make_client(&self, "the seed of one with much time.,");
    SIM_EXPECT(self.sim, dial(&self, &client, self.accepts, NULL).opened);
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sim_run_for(self.sim, rows[i].wait_s * SIM_SECOND);
        sim_clock_jump(rows[i].jump_s);
        make_young(&client);
        outcome = dial(&self, &client, self.accepts, &client.ticket);
        SIM_EXPECT(self.sim, outcome.opened && outcome.resumed == rows[i].resumes);
    }
    sim_free(self.sim);
}

/* A ticket of one protocol, brought to another: who it is stays who it is, and what is spoken is
 * what was offered this time. */
static void tell_change_of_alpn(const struct sim_options *options)
{
    struct outcome outcome;
    struct client client;
    struct scene self;

    begin(&self, options);
    client = make_client(&self, "the seed of one of many tongues.");
    SIM_EXPECT(self.sim, dial(&self, &client, self.accepts, NULL).opened);
    client.options.alpn = "\x09"
                          "another/0";
    outcome = dial(&self, &client, self.accepts, &client.ticket);
    SIM_EXPECT(self.sim, outcome.opened && strcmp(self.heard.alpn, "another/0") == 0);
    client.options.alpn = "\x04"
                          "none";
    outcome = dial(&self, &client, self.accepts, &client.ticket);
    SIM_EXPECT(self.sim, !outcome.opened && outcome.code == IQ_CODE_NO_ALPN);
    sim_free(self.sim);
}

/* Flips one bit of these bytes of it. */
static void flip(struct dice *dice, struct ticket *ticket, const unsigned char *bytes, size_t len)
{
    const uint64_t bit = dice_below(dice, len * 8);
    size_t at = 0;

    while (at + len <= (size_t)ticket->len && memcmp(ticket->bytes + at, bytes, len) != 0) {
        at++;
    }
    ticket->bytes[at + bit / 8] ^= (unsigned char)(1U << bit % 8);
}

/* Of the name of the session, or of its secret. */
static void damage(struct dice *dice, struct ticket *ticket)
{
    SSL_SESSION *session = session_from(ticket);
    unsigned char secret[64];
    const unsigned char *name;
    size_t len;

    if (dice_below(dice, 2) == 0) {
        SSL_SESSION_get0_ticket(session, &name, &len);
        flip(dice, ticket, name, len);
    } else {
        len = SSL_SESSION_get_master_key(session, secret, sizeof(secret));
        flip(dice, ticket, secret, len);
    }
    SSL_SESSION_free(session);
}

/* What is damaged is no session, or not his: he is known by his key, or not at all. */
static void tell_damaged(const struct sim_options *options)
{
    unsigned left = story_scale(FLIPS), unknown = 0, refused = 0;
    struct scene self;
    struct client client;

    begin(&self, options);
    client = make_client(&self, "the seed of one with bad memory.");
    (void)dial(&self, &client, self.accepts, NULL);
    for (; left > 0; left--) {
        struct outcome outcome;

        damage(&self.sim->workload, &client.ticket);
        outcome = dial(&self, &client, self.accepts, &client.ticket);
        SIM_EXPECT(self.sim, !outcome.resumed);
        unknown += outcome.opened;
        refused += !outcome.opened;
        if (!outcome.opened) { /* and got no new one */
            (void)dial(&self, &client, self.accepts, NULL);
        }
    }
    SIM_EXPECT(self.sim, unknown > 0 && refused > 0);
    sim_free(self.sim);
}

/* A peer that sends a hundred tickets drives out no session with others. */
static void tell_flood(const struct sim_options *options)
{
    const struct iq_endpoint_config keeps_twenty = {.sessions_max = 20};
    struct evil_options flood = {.alpn = OFFER, .tickets = 100};
    struct note friend = {0}, other = {0};
    struct scene self;
    struct sim_node *dials, *raw;
    struct iq_secret_key key;
    struct iq_addr addr;
    static struct evil evil;
    unsigned i;

    begin(&self, options);
    dials = sim_add_endpoint(self.sim, &keeps_twenty);
    raw = sim_add_raw(self.sim);
    iq_secret_key_generate(&key);
    memcpy(flood.seed, key.seed, IQ_KEY_LEN);
    for (i = 0; i < 2; i++) {
        addr = sim_addr(self.accepts);
        SIM_EXPECT(self.sim,
                   watch_dial(NULL, dials, &addr, APP_ALPN, &note_handler, &friend, NULL) == 0);
        sim_run_for(self.sim, SIM_SECOND);
        SIM_EXPECT(self.sim, friend.opened == i + 1 && friend.resumed == i);
        addr = (struct iq_addr){.id = key.id, .count = 1, .socket_addrs = {raw->addrs[0]}};
        evil_answer(&evil, raw, &flood);
        SIM_EXPECT(self.sim,
                   watch_dial(NULL, dials, &addr, APP_ALPN, &note_handler, &other, NULL) == 0);
        sim_run_for(self.sim, SIM_SECOND);
        SIM_EXPECT(self.sim, other.opened == i + 1);
        evil_free(&evil);
    }
    sim_free(self.sim);
}

const struct story evil_session_stories[] = {
    {.name = "session_stolen", .run = tell_stolen, .weather = STORY_CALM_ONLY},
    {.name = "session_elsewhere", .run = tell_elsewhere, .weather = STORY_CALM_ONLY},
    {.name = "session_overdue", .run = tell_overdue, .weather = STORY_CALM_ONLY},
    {.name = "session_change_of_alpn", .run = tell_change_of_alpn, .weather = STORY_CALM_ONLY},
    {.name = "session_flood", .run = tell_flood, .weather = STORY_CALM_ONLY},
    {.name = "session_damaged", .run = tell_damaged, .weather = STORY_CALM_ONLY},
    {0},
};

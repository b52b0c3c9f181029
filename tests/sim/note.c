/* Takes notes. */
#include "note.h"

#include <string.h>

static void note_open(struct iq_conn *conn)
{
    struct note *note = iq_conn_data(conn);

    const struct iq_id *id = iq_conn_remote_id(conn);

    note->opened++;
    note->resumed += iq_conn_is_resumed(conn);
    note->anonymous = id == NULL;
    if (id != NULL) {
        note->remote_id = *id;
    }
    snprintf(note->alpn, sizeof(note->alpn), "%s", iq_conn_alpn(conn));
}

static void note_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    struct note *note = iq_conn_data(conn);
    const struct sim *sim = sim_node_of(iq_conn_endpoint(conn))->sim;

    SIM_EXPECT(sim, why->text_len <= IQ_REASON_MAX);
    note->closed++;
    note->closed_at_ns = sim->now_ns;
    note->how = why->how;
    note->code = why->code;
    note->text_len = why->text_len;
    memcpy(note->text, why->text, why->text_len + 1);
}

const struct iq_protocol_handler note_handler = {
    .on_accept = note_open, .on_connect = note_open, .on_closed = note_closed};

void note_expect_closed(const struct sim *sim, const char *name, const struct note *note,
                        enum iq_close_how how, uint64_t code)
{
    if (note->closed != 1 || note->how != how || note->code != code) {
        SIM_FAIL(sim, "%s: closed %u times, how %d, code %#llx", name, note->closed, (int)note->how,
                 (unsigned long long)note->code);
    }
}

void note_start(struct note_pair *self, const struct sim_options *options,
                const struct iq_endpoint_config *config, const char *const alpns[3])
{
    static const char *const usual[3] = {APP_ALPN};
    size_t i;

    alpns = alpns == NULL ? usual : alpns;
    *self = (struct note_pair){.pair = story_pair(options, config, config)};
    for (i = 0; i < 3 && alpns[i] != NULL; i++) {
        self->routes[i] =
            (struct iq_route){.alpn = alpns[i], .handler = &note_handler, .data = &self->accepts};
    }
    self->addr = sim_addr(self->pair.accepts);
    watch_listen(self->pair.accepts, self->routes);
}

int note_dial(struct note_pair *self, const char *alpn, const struct iq_connect_options *options)
{
    return watch_dial(&self->conn, self->pair.dials, &self->addr, alpn, &note_handler, &self->dials,
                      options);
}

void note_connect(struct note_pair *self, const struct sim_options *options,
                  const struct iq_endpoint_config *config)
{
    note_start(self, options, config, NULL);
    self->conn = story_connect(&self->pair, &note_handler, &self->dials);
}

/* An accept side behind a router. */
#include "desk.h"

#include <string.h>

#define A_WHILE (60 * SIM_SECOND)

void desk_start(struct desk *self, const struct sim_options *options,
                const struct iq_protocol_handler *handler, void *data, size_t spawned)
{
    static const char *const alpns[DESK_ROUTES] = {"a", "b", "c"};
    struct iq_route first[DESK_ROUTES + 1] = {0};
    size_t i;

    *self = (struct desk){.sim = sim_new(options)};
    self->dials = sim_add_endpoint(self->sim, NULL);
    self->accepts = sim_add_endpoint(self->sim, NULL);
    self->addr = sim_addr(self->accepts);
    for (i = 0; i < DESK_ROUTES; i++) {
        self->routes[i] = (struct iq_route){.alpn = alpns[i],
                                            .handler = handler,
                                            .data = data == NULL ? (void *)&self->heard[i] : data};
    }
    self->watched = watch_routes(self->accepts, self->routes);
    memcpy(first, self->watched, spawned * sizeof(*first));
    SIM_EXPECT(self->sim, iq_router_spawn(&self->router, self->accepts->endpoint, first) == 0);
}

void desk_dial(struct desk *self, const char *alpn, struct note *note)
{
    SIM_EXPECT(self->sim,
               watch_dial(NULL, self->dials, &self->addr, alpn, &note_handler, note, NULL) == 0);
}

void desk_expect_spoken(struct desk *self, const char *alpn, const struct note *heard)
{
    const unsigned before = heard->opened;
    static struct note note; /* of connections that live on */

    note = (struct note){0};
    desk_dial(self, alpn, &note);
    sim_run_for(self->sim, A_WHILE);
    SIM_EXPECT(self->sim, note.opened == 1 && note.closed == 0);
    SIM_EXPECT(self->sim, heard->opened == before + 1 && heard->closed == 0);
    SIM_EXPECT(self->sim, strcmp(heard->alpn, alpn) == 0);
}

void desk_expect_unknown(struct desk *self, const char *alpn)
{
    struct note note = {0};

    desk_dial(self, alpn, &note);
    sim_run_for(self->sim, A_WHILE);
    note_expect_closed(self->sim, alpn, &note, IQ_CLOSED_ABORTED_BY_PEER, IQ_CODE_NO_ALPN);
    SIM_EXPECT(self->sim, note.opened == 0);
}

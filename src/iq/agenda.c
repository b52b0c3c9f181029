/* What an endpoint has to do in its next turn. */
#include "agenda.h"

#include "heap.h"

void iq_agenda_init(struct iq_agenda *agenda, struct iq_wire *wire)
{
    *agenda = (struct iq_agenda){.wire = wire, .wake_ns = IQ_NEVER};
    iq_list_init(&agenda->due);
    iq_agenda_now(agenda);
}

uint64_t iq_agenda_now(struct iq_agenda *agenda)
{
    uint64_t now_ns = agenda->wire->now_ns(agenda->wire);

    if (now_ns > agenda->now_ns) {
        agenda->now_ns = now_ns;
    }
    return agenda->now_ns;
}

void iq_agenda_add(struct iq_agenda *agenda, struct iq_list *entry)
{
    if (iq_list_is_empty(entry)) {
        iq_list_append(&agenda->due, entry);
    }
    iq_agenda_want_turn(agenda);
}

void iq_agenda_want_turn(struct iq_agenda *agenda)
{
    if (!agenda->turn_will_come) {
        iq_agenda_wake_at(agenda, agenda->now_ns);
    }
}

void iq_agenda_wake_at(struct iq_agenda *agenda, uint64_t deadline_ns)
{
    if (deadline_ns != agenda->wake_ns) {
        agenda->wake_ns = deadline_ns;
        agenda->wire->wake_at(agenda->wire, deadline_ns);
    }
}

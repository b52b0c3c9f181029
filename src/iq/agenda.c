/* What an endpoint has to do in its next turn. */
#include "agenda.h"

#include "heap.h"

#define TREMBLE_NS UINT64_C(100000000)

void iq_agenda_init(struct iq_agenda *agenda, struct iq_wire *wire)
{
    *agenda = (struct iq_agenda){.wire = wire, .wake_ns = IQ_NEVER};
    iq_list_init(&agenda->due);
    iq_agenda_now(agenda);
}

static void set_alarm(struct iq_agenda *agenda)
{
    const uint64_t deadline_ns = agenda->wake_ns;

    agenda->wire->wake_at(agenda->wire,
                          deadline_ns == IQ_NEVER ? IQ_NEVER : deadline_ns - agenda->ahead_ns);
}

/* While a clock that trembles catches up, time stands still.  One that has gone back further than
 * that would be waited for too long: no timer would expire, and what is paced never leave. */
uint64_t iq_agenda_now(struct iq_agenda *agenda)
{
    const uint64_t now_ns = agenda->wire->now_ns(agenda->wire) + agenda->ahead_ns;

    if (now_ns > agenda->now_ns) {
        agenda->now_ns = now_ns;
    } else if (agenda->now_ns - now_ns > TREMBLE_NS) {
        agenda->ahead_ns += agenda->now_ns - now_ns;
        set_alarm(agenda);
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
        set_alarm(agenda);
    }
}

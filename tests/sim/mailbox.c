/* Sends and keeps numbered datagrams. */
#include "mailbox.h"

#include <string.h>

#define NO_NUMBER UINT32_MAX

static struct sim *sim_of(const struct iq_conn *conn)
{
    return sim_node_of(iq_conn_endpoint(conn))->sim;
}

struct iq_bytes mailbox_datagram(uint32_t number, size_t len)
{
    static uint8_t bytes[65536];
    size_t i;

    for (i = 0; i < len; i++) {
        bytes[i] = (uint8_t)((size_t)number * 3 + i * 7);
    }
    if (len >= sizeof(number)) {
        memcpy(bytes, &number, sizeof(number));
    }
    return (struct iq_bytes){.data = bytes, .len = len};
}

void mailbox_send(struct sim *sim, struct iq_conn *conn, uint32_t first, uint32_t end, size_t len)
{
    for (; first != end; first++) {
        const struct iq_bytes datagram = mailbox_datagram(first, len);

        SIM_EXPECT(sim, iq_conn_send_datagram(conn, datagram.data, datagram.len) == 0);
    }
}

static void keep(struct iq_conn *conn, struct iq_bytes in)
{
    struct mailbox *box = iq_conn_data(conn);
    uint32_t number = NO_NUMBER;
    unsigned i;

    SIM_EXPECT(sim_of(conn), box->opened == 1 && box->closed == 0);
    SIM_EXPECT(sim_of(conn), box->count < MAILBOX_MAX);
    if (in.len >= sizeof(number)) {
        memcpy(&number, in.data, sizeof(number));
        SIM_EXPECT(sim_of(conn),
                   memcmp(in.data, mailbox_datagram(number, in.len).data, in.len) == 0);
        for (i = box->count; i > 0 && i + 1000 > box->count; i--) {
            SIM_EXPECT(sim_of(conn), box->numbers[i - 1] != number); /* none comes twice */
        }
    }
    box->numbers[box->count] = number;
    box->lens[box->count] = (uint16_t)in.len;
    box->count++;
}

void mailbox_expect(const struct sim *sim, const struct mailbox *box, uint32_t first, uint32_t end,
                    size_t len)
{
    uint32_t i;

    for (i = 0; i < box->count && first + i < end; i++) {
        if (box->numbers[i] != first + i || box->lens[i] != len) {
            SIM_FAIL(sim, "datagram %u: number %u of %u bytes, not %u of %zu", i, box->numbers[i],
                     box->lens[i], first + i, len);
        }
    }
    if (box->count != end - first) {
        SIM_FAIL(sim, "%u datagrams, not %u", box->count, end - first);
    }
}

static void mailbox_open(struct iq_conn *conn)
{
    struct mailbox *box = iq_conn_data(conn);

    box->opened++;
    if (box->greetings > 0) {
        mailbox_send(sim_of(conn), conn, 0, box->greetings, 20);
        iq_conn_close(conn, 0, "bye!");
    }
}

static void mailbox_allowed(struct iq_conn *conn)
{
    struct mailbox *box = iq_conn_data(conn);

    box->allowed++;
}

static void mailbox_stream(struct iq_stream *stream)
{
    struct mailbox *box = iq_conn_data(iq_stream_conn(stream));
    struct iq_bytes in;

    for (in = iq_stream_peek(stream); in.len > 0; in = iq_stream_peek(stream)) {
        box->stream_bytes += in.len;
        iq_stream_consume(stream, in.len);
    }
}

static void mailbox_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    struct mailbox *box = iq_conn_data(conn);

    box->closed++;
    box->count_at_close = box->count;
}

const struct iq_protocol_handler mailbox_handler = {
    .on_accept = mailbox_open,
    .on_connect = mailbox_open,
    .on_datagram = keep,
    .on_datagrams_allowed = mailbox_allowed,
    .on_stream_ready = mailbox_stream,
    .on_closed = mailbox_closed,
};

struct mailbox_pair *mailbox_start(const struct sim_options *options, const unsigned greetings[2])
{
    static struct mailbox_pair self; /* too large for the stack */

    self = (struct mailbox_pair){.pair = story_pair(options, NULL, NULL)};
    self.boxes[0].greetings = greetings == NULL ? 0 : greetings[0];
    self.boxes[1].greetings = greetings == NULL ? 0 : greetings[1];
    self.routes[0] =
        (struct iq_route){.alpn = APP_ALPN, .handler = &mailbox_handler, .data = &self.boxes[1]};
    self.addr = sim_addr(self.pair.accepts);
    watch_listen(self.pair.accepts, self.routes);
    return &self;
}

void mailbox_connect(struct mailbox_pair *self)
{
    self->conns[0] = story_connect(&self->pair, &mailbox_handler, &self->boxes[0]);
    self->conns[1] = watch_conn(self->pair.accepts, 0);
}

void mailbox_free(struct mailbox_pair *self) { sim_free(self->pair.sim); }

/*
 * I2: no credit is lost, and none is invented.
 *
 * Of every byte that has arrived on the streams of a connection, either the peer has the right to
 * send another one back, or the byte is still held: unread, or read but not told to ngtcp2 yet. The
 * linker leads the two calls that count through here (CMakeLists.txt), so that nothing of it is
 * taken on trust.
 */
#include "credit.h"

#include <ngtcp2/ngtcp2.h>

#define CONNS_MAX 1024

/* The linker sets these names. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
int __real_iq_stream_note_data(struct iq_stream *stream, const void *data, size_t len, bool end);
void __real_ngtcp2_conn_extend_max_offset(ngtcp2_conn *quic, uint64_t len);
void __real_ngtcp2_conn_del(ngtcp2_conn *quic);

int __wrap_iq_stream_note_data(struct iq_stream *stream, const void *data, size_t len, bool end);
void __wrap_ngtcp2_conn_extend_max_offset(ngtcp2_conn *quic, uint64_t len);
void __wrap_ngtcp2_conn_del(ngtcp2_conn *quic);

static struct account {
    const ngtcp2_conn *quic; /* NULL: free */
    uint64_t arrived;
    uint64_t given_back;
} accounts[CONNS_MAX];

static struct account *find(const ngtcp2_conn *quic)
{
    size_t i;

    for (i = 0; i < CONNS_MAX; i++) {
        if (accounts[i].quic == quic) {
            return &accounts[i];
        }
    }
    return NULL;
}

/* NULL only if there are more connections than any story has. */
static struct account *find_or_open(const ngtcp2_conn *quic)
{
    struct account *account = find(quic);

    if (account == NULL) {
        account = find(NULL);
        if (account != NULL) {
            *account = (struct account){.quic = quic};
        }
    }
    return account;
}

int __wrap_iq_stream_note_data(struct iq_stream *stream, const void *data, size_t len, bool end)
{
    struct account *account = find_or_open(stream->streams->conn->quic);

    if (account != NULL) {
        account->arrived += len;
    }
    return __real_iq_stream_note_data(stream, data, len, end);
}

void __wrap_ngtcp2_conn_extend_max_offset(ngtcp2_conn *quic, uint64_t len)
{
    struct account *account = find_or_open(quic);

    if (account != NULL) {
        account->given_back += len;
    }
    __real_ngtcp2_conn_extend_max_offset(quic, len);
}

void __wrap_ngtcp2_conn_del(ngtcp2_conn *quic)
{
    struct account *account = quic == NULL ? NULL : find(quic);

    if (account != NULL) {
        account->quic = NULL;
    }
    __real_ngtcp2_conn_del(quic);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

void sim_check_credit(const struct sim *sim, const struct iq_conn *conn)
{
    static const struct account nothing_yet;
    const struct account *found = find(conn->quic);
    const struct account *account = found == NULL ? &nothing_yet : found;
    uint64_t held = conn->streams.credit;
    const struct iq_list *node;

    for (node = conn->streams.all.next; node != &conn->streams.all; node = node->next) {
        const struct iq_stream *stream = IQ_CONTAINER_OF(node, struct iq_stream, in_all);

        held += stream->received.len - stream->credit_ahead;
    }
    if (account->arrived != account->given_back + held) {
        SIM_FAIL(sim, "I2: %llu bytes arrived, %llu given back, %llu held",
                 (unsigned long long)account->arrived, (unsigned long long)account->given_back,
                 (unsigned long long)held);
    }
}

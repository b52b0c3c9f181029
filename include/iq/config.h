/*
 * What an endpoint is told when it is made.  Zero members mean their defaults, which are iroh's
 * where nothing else is said; a number out of its range is IQ_ERR_INVALID_CONFIG.
 *
 *     static const struct iq_endpoint_config config = {.bind = {"127.0.0.1:4433"}};
 */
#ifndef IQ_CONFIG_H
#define IQ_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "iq/key.h"
#include "iq/limits.h"

/*
 * Where the events of connections are written, for those who look with qvis: JSON text sequences
 * of draft-ietf-quic-qlog-main-schema, a file for each connection.  None of these functions may be
 * missing or call the library: it is in the middle of something.  With ngtcp2 before 1.22.1 a peer
 * can overflow the stack of who keeps one (CVE-2026-40170).
 */
struct iq_qlog {
    /* Begins the file of a connection; `name` is unique to it and fit for a file name.  NULL: this
     * connection is not logged. */
    void *(*open)(const char *name, void *arg);
    void (*write)(void *file, const void *data, size_t len);
    void (*close)(void *file);
    void *arg;
};

#define IQ_BIND_MAX 4

/* RFC 9438; draft-ietf-ccwg-bbr. */
enum iq_congestion_control { IQ_CUBIC, IQ_BBR };

struct iq_endpoint_config {
    const struct iq_secret_key *secret_key; /* copied; NULL: a fresh one */

    /* Where to listen: "127.0.0.1:4433", "[::1]:0"; port 0 is any.  None: all addresses, of IPv4
     * and of IPv6 where there is IPv6, on any port. */
    const char *bind[IQ_BIND_MAX];

    uint32_t idle_timeout_ms;    /* 30000; RFC 9000, section 10.1 */
    uint32_t keep_alive_ms;      /* 5000; keeps idle connections and the NATs on their way open */
    uint32_t connect_timeout_ms; /* 30000, for a dial that has none of its own */
    uint32_t accept_timeout_ms;  /* 10000, for the handshake of a peer that dials; iroh's: 30000 */
    uint64_t max_streams_bi;     /* 100 that the peer may have open at once; at most 2^60 */
    uint64_t max_streams_uni;    /* 100; likewise */

    /* How many bytes the peer may send ahead, and we may have to hold.  A path carries no more in a
     * round trip; so the window of a stream grows, up to that of the connection, while the
     * application reads all that the peer sends on it as fast as the window allows.  At most
     * 2^62 - 1.  RFC 9000, section 4.1. */
    uint64_t stream_window; /* 1250000 on one stream, at first */
    uint64_t conn_window;   /* 5000000 on all its streams together; iroh's: no limit */

    /* How many bytes are held that were written and are not yet acknowledged: again as many as a
     * path carries in a round trip. */
    uint64_t stream_send_buffer; /* 1000000 on one stream */
    uint64_t conn_send_buffer;   /* 10000000 on all its streams together, iroh's only limit */

    uint16_t max_datagram_size; /* 65507 bytes of UDP payload that discovery may reach; from 1200 to
                                 * 65507; iroh's: 1452.  RFC 9000, section 14.3 */
    enum iq_congestion_control congestion_control; /* Cubic */
    struct iq_limits limits;                       /* of what strangers may cost; limits.h */

    /* How long to look for more datagrams before the loop sleeps, after some have come.  Sleeping
     * costs a small echo four fifths of its time; not to sleep costs a core.  0: sleep at once. */
    uint32_t busy_poll_us;

    /*
     * How many TLS sessions are kept in memory, of peers that dial and of those that are dialled,
     * so that the next connection of the two costs less: it resumes one, and needs no signatures.
     * The peer's id is the one that was proven when the session was made, and is compared again
     * with the one that is dialled; every session is used once.  RFC 8446, section 2.2.  0: none;
     * iroh keeps 256; at most 2^30.  Early data needs them on both sides (protocol.h).
     */
    uint32_t sessions_max;

    /* For those who look with Wireshark: every secret of every connection, one line of the NSS key
     * log format each, without a newline.  Whoever has them reads all traffic.  NULL: none. */
    void (*on_secret)(const char *line, void *arg);
    void *on_secret_arg;

    const struct iq_qlog *qlog; /* NULL: none; must outlive the endpoint */

    /*
     * What anonymous routes (protocol.h) show to peers that know no raw public keys: a certificate,
     * those that lead to its root behind it, and its key, both as PEM text, which is read when the
     * endpoint is made.  NULL: one that signs itself, over the endpoint's own key.  Browsers take
     * no ed25519; for them it is to be one of ECDSA P-256 that they trust.
     */
    const char *certificate;
    const char *certificate_key;
};

#endif

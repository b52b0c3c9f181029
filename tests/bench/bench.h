/*
 * A load program that is both ends: it forks, the child accepts, the parent dials, works and prints
 * one line of JSON.  bench.c has the command line, accept.c the child, and one file each the kinds
 * of work.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

#include <ev.h>

#include "iq/iq.h"

/* What the command line says.  Zero means the default of the work. */
struct bench_options {
    uint64_t size;              /* bytes of each stream */
    unsigned count;             /* connections, streams or messages in all */
    unsigned at_once;           /* of them at the same time */
    unsigned idle;              /* connections that are open beside, and do nothing */
    unsigned mtu;               /* bytes of UDP payload that path MTU discovery may reach */
    const char *bind;           /* the accept side's address */
    unsigned flood, flood_rate; /* Initials of nobody's, in all and a second */
    uint32_t busy_poll_us;
    bool bbr;
    bool one_core; /* both ends on the same one, else one each */
};

struct bench;

struct bench_work {
    const char *name;
    const char *alpn;
    const struct iq_protocol_handler *handler; /* of the dialling side */
    struct bench_options defaults;
    void (*start)(struct bench *bench);
    void (*report)(struct bench *bench); /* its members of the JSON object */
};

/* The dialling side. */
struct bench {
    const struct bench_work *work;
    struct bench_options options;
    struct ev_loop *loop;
    struct iq_endpoint *endpoint;
    struct iq_addr to;
    int accept_side_pid;
    int flood_pid, flood_output;
    uint64_t start_ns, end_ns;
    unsigned started, done, failed;
    uint64_t *sample_ns; /* one for each of `count` */
    unsigned sample_count;
    uint64_t sent_ns; /* the latest message */
    void *state;      /* the work's own */
};

extern const struct bench_work bench_echo, bench_download, bench_upload;
extern const struct bench_work bench_connect, bench_small, bench_streams, bench_idle;

/* bench.c */
uint64_t bench_now_ns(void);
void bench_die(const char *what, const char *why) __attribute__((noreturn));
void bench_dial(struct bench *bench, const char *alpn, const struct iq_protocol_handler *handler,
                void *data);
void bench_begin(struct bench *bench); /* the clock starts */
void bench_end(struct bench *bench);   /* the clock stops, and everything is closed */
void bench_add_sample(struct bench *bench, uint64_t ns);
void bench_report_samples(struct bench *bench); /* p10_us to p999_us */
double bench_seconds(const struct bench *bench);

/* accept.c: the child.  Writes its address to `out`, and serves until `in` ends. */
#define BENCH_ECHO     "iq-bench/echo"
#define BENCH_DOWNLOAD "iq-bench/download" /* answers a number of bytes, 8 of them, big-endian */
#define BENCH_UPLOAD   "iq-bench/upload"   /* answers the end with the end */

void bench_accept(const struct bench_options *options, int in, int out);
void bench_configure(struct iq_endpoint_config *config, const struct bench_options *options);

/* flood.c: a child that floods the accept side. */
void bench_flood_start(struct bench *bench);
uint64_t bench_flood_end(const struct bench *bench); /* how many Initials it has sent */

/* udp_limit.c: what the kernel alone can carry, as the peer that is always there. */
int bench_udp_limit(const struct bench_options *options);

#endif

/*
 * The load program.
 *
 *     bench WORK [OPTION]...
 *
 *     echo       one stream, all bytes there and back            --size BYTES
 *     download   one stream, bytes to the dialling side          --size BYTES
 *     upload     one stream, bytes to the accepting side         --size BYTES
 *     connect    dial, 13 bytes there and back, close            --count N --at-once N
 *     small      13 bytes there and back on an open connection   --count N
 *     streams    the same, many at a time                        --count N --at-once N
 *     idle       connections that stay open, then `small`        --idle N --count N
 *     udp        no QUIC: what the kernel carries                --size BYTES
 *
 *     --mtu BYTES    of UDP payload at most                      1452
 *     --bind ADDR    of the accept side                          127.0.0.1:0
 *     --one-core     both ends on the same core, else one each
 *     --flood N      Initials of nobody's to the accept side beside it, over IPv4
 *     --flood-rate N of them a second                    1000
 *     --busy-poll US look for more before sleeping
 *     --bbr          instead of Cubic
 *     --chacha       as if the processors had no instructions for AES
 *
 * It forks: the child accepts, the parent dials.  The parent prints one JSON object on one line:
 * `work`, `seconds`, what the work measures (`gbps` per direction; `per_second`, and `p10_us`
 * to `p999_us`; `bytes_per_connection`), and what it cost on each side: `cpu_seconds` and
 * `resident_bytes` (the peak), the dialling side's first.
 *
 * A program that takes the same words and prints the same members is a peer for `compare`.
 */
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

static const struct bench_work *const works[] = {
    &bench_echo,  &bench_download, &bench_upload, &bench_connect,
    &bench_small, &bench_streams,  &bench_idle,
};

static bool has_no_aes;

/* The linker sets these names. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
bool __real_iq_cpu_has_aes(void);
bool __wrap_iq_cpu_has_aes(void);

bool __wrap_iq_cpu_has_aes(void) { return !has_no_aes && __real_iq_cpu_has_aes(); }

/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

uint64_t bench_now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void bench_die(const char *what, const char *why)
{
    (void)fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(1);
}

void bench_configure(struct iq_endpoint_config *config, const struct bench_options *options)
{
    config->max_datagram_size = (uint16_t)options->mtu;
    config->busy_poll_us = options->busy_poll_us;
    config->congestion_control = options->bbr ? IQ_BBR : IQ_CUBIC;
}

void bench_dial(struct bench *bench, const char *alpn, const struct iq_protocol_handler *handler,
                void *data)
{
    const int rc = iq_endpoint_connect(bench->endpoint, &bench->to, alpn, handler, data);

    if (rc != 0) {
        bench_die("dial", iq_strerror(rc));
    }
}

void bench_begin(struct bench *bench) { bench->start_ns = bench_now_ns(); }

void bench_end(struct bench *bench)
{
    bench->end_ns = bench_now_ns();
    ev_break(bench->loop, EVBREAK_ALL); /* the process ends next: no need to close anything */
}

double bench_seconds(const struct bench *bench)
{
    return (double)(bench->end_ns - bench->start_ns) / 1e9;
}

/* Samples */

void bench_add_sample(struct bench *bench, uint64_t ns)
{
    if (bench->sample_count < bench->options.count) {
        bench->sample_ns[bench->sample_count++] = ns;
    }
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

void bench_report_samples(struct bench *bench)
{
    static const struct {
        const char *name;
        unsigned per_mille;
    } percentiles[] = {{"p10_us", 100}, {"p25_us", 250}, {"p50_us", 500}, {"p75_us", 750},
                       {"p90_us", 900}, {"p99_us", 990}, {"p999_us", 999}};
    const unsigned count = bench->sample_count;
    size_t i;

    if (count == 0) {
        return;
    }
    qsort(bench->sample_ns, count, sizeof(bench->sample_ns[0]), compare);
    for (i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++) {
        const uint64_t ns = bench->sample_ns[(uint64_t)count * percentiles[i].per_mille / 1000];

        printf(",\"%s\":%.1f", percentiles[i].name, (double)ns / 1e3);
    }
}

/* Both sides */

static void pin(unsigned core)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(core, &set);
    (void)sched_setaffinity(0, sizeof(set), &set); /* a machine with one core has no choice */
}

static double cpu_seconds(const struct rusage *usage)
{
    return (double)usage->ru_utime.tv_sec + (double)usage->ru_stime.tv_sec +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

static void report(struct bench *bench)
{
    struct rusage own, other;

    (void)getrusage(RUSAGE_SELF, &own);
    (void)getrusage(RUSAGE_CHILDREN, &other); /* the accept side alone: a flood goes on */
    printf("{\"work\":\"%s\",\"seconds\":%.6f", bench->work->name, bench_seconds(bench));
    bench->work->report(bench);
    if (bench->options.flood > 0) {
        printf(",\"flood\":%llu", (unsigned long long)bench_flood_end(bench));
    }
    printf(",\"cpu_seconds\":[%.3f,%.3f],\"resident_bytes\":[%ld,%ld]}\n", cpu_seconds(&own),
           cpu_seconds(&other), own.ru_maxrss * 1024, other.ru_maxrss * 1024);
}

/* Runs the accept side in a child.  Returns the pipe whose end it waits for. */
static int fork_accept_side(struct bench *bench)
{
    int to_child[2], from_child[2];

    if (pipe(to_child) != 0 || pipe(from_child) != 0) {
        bench_die("fork", "no pipe");
    }
    bench->accept_side_pid = fork();
    if (bench->accept_side_pid < 0) {
        bench_die("fork", "no process");
    }
    if (bench->accept_side_pid == 0) {
        (void)close(to_child[1]);
        pin(bench->options.one_core ? 0 : 1);
        bench_accept(&bench->options, to_child[0], from_child[1]);
        _exit(1);
    }
    (void)close(from_child[1]);
    if (read(from_child[0], &bench->to, sizeof(bench->to)) != (ssize_t)sizeof(bench->to)) {
        bench_die("accept side", "did not start");
    }
    return to_child[1];
}

static int run(struct bench *bench)
{
    const int child_input = fork_accept_side(bench);
    struct iq_endpoint_config config = {0};

    if (bench->options.flood > 0) {
        bench_flood_start(bench);
    }
    pin(0);
    bench_configure(&config, &bench->options);
    bench->loop = ev_default_loop(0);
    bench->sample_ns = calloc(bench->options.count + 1, sizeof(bench->sample_ns[0]));
    if (bench->sample_ns == NULL || iq_endpoint_bind(&bench->endpoint, bench->loop, &config) != 0) {
        bench_die("connect side", "cannot start");
    }
    bench->work->start(bench);
    ev_run(bench->loop, 0);
    (void)close(child_input);
    (void)waitpid(bench->accept_side_pid, NULL, 0);
    report(bench);
    if (bench->failed > 0) {
        bench_die(bench->work->name, "some bytes did not come back");
    }
    return 0;
}

/* The command line */

static uint64_t number(const char *text)
{
    char *end;
    const uint64_t value = strtoull(text, &end, 10);

    if (*text == '\0' || *end != '\0') {
        bench_die(text, "expected a number");
    }
    return value;
}

static const struct option option_names[] = {
    {"size", required_argument, NULL, 's'},
    {"count", required_argument, NULL, 'c'},
    {"at-once", required_argument, NULL, 'a'},
    {"idle", required_argument, NULL, 'i'},
    {"mtu", required_argument, NULL, 'm'},
    {"bind", required_argument, NULL, 'b'},
    {"one-core", no_argument, NULL, '1'},
    {"busy-poll", required_argument, NULL, 'p'},
    {"bbr", no_argument, NULL, 'r'},
    {"flood", required_argument, NULL, 'f'},
    {"flood-rate", required_argument, NULL, 'F'},
    {"chacha", no_argument, NULL, 'x'},
    {0},
};

static void read_options(struct bench_options *options, int argc, char **argv)
{
    int name;

    while ((name = getopt_long(argc, argv, "", option_names, NULL)) != -1) {
        switch (name) {
        case 's':
            options->size = number(optarg);
            break;
        case 'c':
            options->count = (unsigned)number(optarg);
            break;
        case 'a':
            options->at_once = (unsigned)number(optarg);
            break;
        case 'i':
            options->idle = (unsigned)number(optarg);
            break;
        case 'm':
            options->mtu = (unsigned)number(optarg);
            break;
        case 'b':
            options->bind = optarg;
            break;
        case '1':
            options->one_core = true;
            break;
        case 'p':
            options->busy_poll_us = (uint32_t)number(optarg);
            break;
        case 'r':
            options->bbr = true;
            break;
        case 'f':
            options->flood = (unsigned)number(optarg);
            break;
        case 'F':
            options->flood_rate = (unsigned)number(optarg);
            break;
        case 'x':
            has_no_aes = true;
            break;
        default:
            exit(2);
        }
    }
    if (optind + 1 != argc) {
        bench_die("usage", "bench WORK [OPTION]...");
    }
}

int main(int argc, char **argv)
{
    struct bench bench = {0};
    size_t i;

    (void)signal(SIGPIPE, SIG_IGN);
    for (i = 0; argc > 1 && i < sizeof(works) / sizeof(works[0]); i++) {
        if (strcmp(argv[1], works[i]->name) == 0) {
            bench.work = works[i];
            bench.options = works[i]->defaults;
        }
    }
    if (bench.options.mtu == 0) {
        bench.options.mtu = 1452;
    }
    bench.options.bind = "127.0.0.1:0";
    bench.options.flood_rate = 1000;
    read_options(&bench.options, argc, argv);
    if (strcmp(argv[optind], "udp") == 0) {
        return bench_udp_limit(&bench.options);
    }
    if (bench.work == NULL) {
        bench_die(argv[optind], "no such work");
    }
    return run(&bench);
}

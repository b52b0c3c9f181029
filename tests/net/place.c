/* Two namespaces, and what is between them. */
#include "place.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

struct place place;

void place_run(const char *commands)
{
    char line[2048];

    assert_true((size_t)snprintf(line, sizeof(line), "set -e; %s", commands) < sizeof(line));
    if (system(line) != 0) { /* NOLINT(cert-env33-c): the commands are ours */
        fail_msg("failed: %s", commands);
    }
}

void place_enter(int namespace) { assert_int_equal(setns(namespace, CLONE_NEWNET), 0); }

static int new_namespace(void)
{
    int fd;

    assert_int_equal(unshare(CLONE_NEWNET), 0);
    fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    place_run("ip link set lo up");
    return fd;
}

/* No segmentation, so that links see the length of each datagram. */
static void make_link(int number)
{
    char commands[1024];

    place_enter(place.here);
    (void)snprintf(commands, sizeof(commands),
                   "ip link add near%d address 02:00:00:00:00:1%d type veth"
                   " peer name far%d address 02:00:00:00:00:2%d netns /proc/%d/fd/%d;"
                   "ip link set near%d gso_max_segs 1",
                   number, number, number, number, (int)getpid(), place.there, number);
    place_run(commands);
}

/* Ends of a link know each other: to find out takes seconds while it comes up. */
static void introduce(int namespace, const char *link, const char *v4, const char *v6,
                      const char *address)
{
    char commands[1024];

    place_enter(namespace);
    (void)snprintf(commands, sizeof(commands),
                   "ip neigh replace %s lladdr %s dev %s nud permanent;"
                   "ip -6 neigh replace %s lladdr %s dev %s nud permanent",
                   v4, address, link, v6, address, link);
    place_run(commands);
}

static void introduce_all(void)
{
    introduce(place.there, "far0", "198.51.100.1", "2001:db8:100::1", "02:00:00:00:00:10");
    introduce(place.there, "far1", "203.0.113.1", "2001:db8:101::1", "02:00:00:00:00:11");
    introduce(place.here, "near0", "198.51.100.2", "2001:db8:100::2", "02:00:00:00:00:20");
    introduce(place.here, "near1", "203.0.113.2", "2001:db8:101::2", "02:00:00:00:00:21");
}

/* A link comes up in its own time. */
static void await_first_link(void)
{
    place_run(
        "for try in $(seq 1000); do"
        " ip link show near0 | grep -q 'state UP' && ip route get 192.0.2.9 | grep -q near0 &&"
        " ip -6 route get 2001:db8:9::9 | grep -q near0 && exit 0; done; exit 1");
}

int place_set_up(void **state)
{
    place.there = new_namespace();
    place.here = new_namespace();
    make_link(0);
    make_link(1);
    place_enter(place.there);
    place_run(
        "ip addr add 192.0.2.9/32 dev lo; ip -6 addr add 2001:db8:9::9/128 dev lo nodad;"
        "ip addr add 198.51.100.2/24 dev far0; ip -6 addr add 2001:db8:100::2/64 dev far0 nodad;"
        "ip addr add 203.0.113.2/24 dev far1; ip -6 addr add 2001:db8:101::2/64 dev far1 nodad;"
        "ip link set far0 gso_max_segs 1 up; ip link set far1 gso_max_segs 1 up");
    place_enter(place.here);
    place_run(
        "ip addr add 198.51.100.1/24 dev near0; ip -6 addr add 2001:db8:100::1/64 dev near0 nodad;"
        "ip addr add 203.0.113.1/24 dev near1; ip -6 addr add 2001:db8:101::1/64 dev near1 nodad;"
        "ip link set near0 up; ip link set near1 up;"
        "ip route add 192.0.2.9 via 198.51.100.2 metric 10;"
        "ip route add 192.0.2.9 via 203.0.113.2 metric 20;"
        "ip -6 route add 2001:db8:9::9 via 2001:db8:100::2 metric 10;"
        "ip -6 route add 2001:db8:9::9 via 2001:db8:101::2 metric 20");
    introduce_all();
    await_first_link();
    return net_set_up(state);
}

int place_tear_down(void **state)
{
    const int rc = net_tear_down(state);

    close(place.here);
    close(place.there);
    return rc;
}

void place_need_nft(void)
{
    /* NOLINTNEXTLINE(cert-env33-c): the command is ours */
    if (system("nft list ruleset >/dev/null 2>&1") != 0) {
        print_message("there is no nft here\n");
        skip();
    }
}

/*
 * Sockets that fail when a test says so.
 *
 * The program is linked with --wrap for the four functions, which leads the library's calls here.
 * A fault belongs to one socket.  Include it in one file of a program only, behind net.h.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define FAULTS_FDS_MAX 4096

/* What is wrong with a socket.  Calls are counted from 1. */
struct faults {
    size_t len_max;                     /* sendmsg() of more bytes always fails; 0: any */
    void (*change)(struct msghdr *msg); /* of all that recvmsg() and recvmmsg() say */
    int error;                          /* of the calls from `first` to `last` */
    unsigned first;                     /* 0: none */
    unsigned last;                      /* 0: the first is the only one */
    unsigned sent, received;            /* calls so far */
    bool receives;                      /* it is these that fail, and not sendmsg() */
    bool no_segments;                   /* sendmsg() of several datagrams at once always fails */
    bool is_truncated; /* instead of an error, they say that there was no room for it all */
};

static struct faults faults[FAULTS_FDS_MAX];

static struct {
    bool (*refuses)(int level, int option); /* what setsockopt() refuses; NULL: nothing */
    unsigned refused_count;
    int no_batches;        /* the error that recvmmsg() always has; 0: none */
    unsigned batch_count;  /* its calls */
    unsigned single_count; /* those of recvmsg() */
} options;

/* The linker sets these names. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __real_recvmsg(int fd, struct msghdr *msg, int flags);
int __real_recvmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags,
                    struct timespec *timeout);
int __real_setsockopt(int fd, int level, int option, const void *value, socklen_t len);

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);
int __wrap_recvmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags,
                    struct timespec *timeout);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t len);

static inline bool fault_is_due(const struct faults *fault, unsigned call)
{
    const unsigned last = fault->last == 0 ? fault->first : fault->last;

    return fault->first != 0 && call >= fault->first && call <= last;
}

static inline bool has_control(const struct msghdr *msg, int level, int type)
{
    struct msghdr copy = *msg;

    for (struct cmsghdr *header = CMSG_FIRSTHDR(&copy); header != NULL;
         header = CMSG_NXTHDR(&copy, header)) {
        if (header->cmsg_level == level && header->cmsg_type == type) {
            return true;
        }
    }
    return false;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    struct faults *fault = &faults[fd];
    const bool has_segments = has_control(msg, IPPROTO_UDP, UDP_SEGMENT);

    fault->sent++;
    if ((!fault->receives && fault_is_due(fault, fault->sent)) ||
        (fault->len_max > 0 && !has_segments && msg->msg_iov[0].iov_len > fault->len_max) ||
        (fault->no_segments && has_segments)) {
        errno = fault->error;
        return -1;
    }
    return __real_sendmsg(fd, msg, flags);
}

/* Counts the call: whether it fails. */
static inline bool receiving_fails(struct faults *fault)
{
    fault->received++;
    errno = fault->error;
    return fault->receives && !fault->is_truncated && fault_is_due(fault, fault->received);
}

static inline void change_received(const struct faults *fault, struct msghdr *msg)
{
    if (fault->change != NULL) {
        fault->change(msg);
    }
    if (fault->is_truncated && fault_is_due(fault, fault->received)) {
        msg->msg_flags |= MSG_TRUNC;
    }
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
    struct faults *fault = &faults[fd];
    ssize_t len;

    options.single_count++;
    if (receiving_fails(fault)) {
        return -1;
    }
    len = __real_recvmsg(fd, msg, flags);
    if (len >= 0) {
        change_received(fault, msg);
    }
    return len;
}

int __wrap_recvmmsg(int fd, struct mmsghdr *msgs, unsigned count, int flags,
                    struct timespec *timeout)
{
    struct faults *fault = &faults[fd];
    int received;

    options.batch_count++;
    if (options.no_batches != 0) {
        errno = options.no_batches;
        return -1;
    }
    if (receiving_fails(fault)) {
        return -1;
    }
    if (fault->receives) {
        count = 1; /* so that there are many calls */
    }
    received = __real_recvmmsg(fd, msgs, count, flags, timeout);
    for (int i = 0; i < received; i++) {
        change_received(fault, &msgs[i].msg_hdr);
    }
    return received;
}

int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
    if (options.refuses != NULL && options.refuses(level, option)) {
        options.refused_count++;
        errno = ENOPROTOOPT;
        return -1;
    }
    return __real_setsockopt(fd, level, option, value, len);
}

/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static inline void faults_clear(void)
{
    memset(faults, 0, sizeof(faults));
    memset(&options, 0, sizeof(options));
}

/* The environment variable IQ_TEST_FIRST_CALL, or 1: where the rows of calls begin. */
static inline unsigned faults_first_call(void)
{
    const char *text = getenv("IQ_TEST_FIRST_CALL");

    return text == NULL ? 1 : (unsigned)strtoul(text, NULL, 10);
}

/* A fault that nobody ran into proves nothing.  How many calls an echo takes depends on what the
 * kernel takes at once, so that a few of the last may be missed. */
static inline void faults_assert_met(void)
{
    size_t count = 0, met = 0;

    for (size_t i = 0; i < FAULTS_FDS_MAX; i++) {
        const unsigned calls = faults[i].receives ? faults[i].received : faults[i].sent;

        count += faults[i].first != 0;
        met += faults[i].first != 0 && calls >= faults[i].first;
    }
    assert_true(met * 2 >= count);
}

/* A call between two new endpoints, of which one has the fault. */
static inline void dial_with_fault(struct net *net, struct net_call *call, bool accepts_has_it,
                                   const struct faults *fault)
{
    struct net_node *accepts = net_listen(net, "127.0.0.1:0");
    const struct net_node *dials = net_bind(net, "127.0.0.1:0");
    const struct iq_addr to = net_addr(accepts, "127.0.0.1");

    memset(&faults[accepts->fds[0]], 0, sizeof(faults[0]));
    memset(&faults[dials->fds[0]], 0, sizeof(faults[0]));
    faults[accepts_has_it ? accepts->fds[0] : dials->fds[0]] = *fault;
    net_dial(call, dials, &to);
}

#endif

/*
 * How not to wait for a pipe or a terminal.
 *
 * O_NONBLOCK belongs to the open file, not to the process: the shell, or whoever shares our
 * terminal, would get it too.  So a pipe or a terminal is opened once more, for us alone.  Where
 * that cannot be done, we ask for room first and write no more than a pipe then takes for certain.
 */
#include "std_fds.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

void std_fds_reserve(void)
{
    int fd;

    for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) == -1) { /* the lowest that is free: open() returns it */
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}

static int is_ready(int fd, short events)
{
    struct pollfd poll_fd = {.fd = fd, .events = events};

    return poll(&poll_fd, 1, 0) != 0;
}

/* Input */

ssize_t std_fds_read(void *data, size_t size)
{
    ssize_t got;

    if (!is_ready(STDIN_FILENO, POLLIN)) {
        errno = EAGAIN; /* somebody else has read it */
        return -1;
    }
    do {
        got = read(STDIN_FILENO, data, size);
    } while (got == -1 && errno == EINTR);
    return got;
}

/* Output */

void std_out_open(struct std_out *out)
{
    struct stat status;

    *out = (struct std_out){.fd = STDOUT_FILENO};
    if (fstat(STDOUT_FILENO, &status) != 0 || S_ISREG(status.st_mode)) {
        return; /* files are always ready */
    }
    out->at_once = PIPE_BUF;
    if (S_ISFIFO(status.st_mode) || isatty(STDOUT_FILENO)) {
        const int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

        if (fd != -1) {
            *out = (struct std_out){.fd = fd};
        }
    }
}

ssize_t std_out_write(const struct std_out *out, const void *data, size_t len)
{
    ssize_t wrote;

    if (out->at_once != 0) {
        len = len < out->at_once ? len : out->at_once;
        if (!is_ready(out->fd, POLLOUT)) {
            errno = EAGAIN;
            return -1;
        }
    }
    do {
        wrote = write(out->fd, data, len);
    } while (wrote == -1 && errno == EINTR);
    return wrote;
}

int std_out_close(const struct std_out *out)
{
    if (out->fd != STDOUT_FILENO && close(out->fd) != 0) {
        return -1;
    }
    return close(STDOUT_FILENO);
}

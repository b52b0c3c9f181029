/*
 * Standard input and output beside an event loop: neither may ever hold it up, and neither is left
 * in another mode than it was found, since other processes share them.
 */
#ifndef STD_FDS_H
#define STD_FDS_H

#include <stddef.h>
#include <sys/types.h>

/* Gives a standard descriptor that is closed a place holder that fails on use.  Else the next
 * socket would become standard output. */
void std_fds_reserve(void);

/* Reads what is there, after the loop has said that something is.  0: the end; -1 with EAGAIN: it
 * was nothing after all; -1: errno. */
ssize_t std_fds_read(void *data, size_t size);

/* Where to write to standard output. */
struct std_out {
    int fd;         /* to wait for */
    size_t at_once; /* bytes that a write takes without waiting, once there is room; 0: all */
};

void std_out_open(struct std_out *out);

/* Writes what there is room for, and returns how much.  -1 with EAGAIN: no room now; -1: errno. */
ssize_t std_out_write(const struct std_out *out, const void *data, size_t len);

/* Some file systems tell only now that they could not write.  0, or -1 and errno. */
int std_out_close(const struct std_out *out);

#endif

/*
 * The progress line: bytes, rate and time on standard error, if that is a terminal and standard
 * output is not one too, where the two would run into each other.
 */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include <ev.h>

struct progress {
    struct ev_loop *loop;
    ev_timer timer;
    const uint64_t *bytes;
    ev_tstamp start;
};

/* Shows from now on how `bytes` grows. */
void progress_start(struct progress *progress, struct ev_loop *loop, const uint64_t *bytes);

/* Leaves the last state on a line of its own.  Does nothing if it was not started. */
void progress_end(struct progress *progress);

#endif

/* Signal handlers, which only wake the loop. */
#include "signals.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

/* timeout(1), for one, sends a signal to its child and then to the group that the child is in. */
#define SAME_SIGNAL_NS 50000000

static volatile sig_atomic_t caught;
static struct timespec caught_at;

static struct {
    struct ev_loop *loop;
    ev_async wake;
    void (*on_first)(void *arg);
    void *arg;
} waiting;

/* Out of a handler: once that has returned. */
static void die_of(int number)
{
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

/* Whether this is the first one once more. */
static bool comes_with_first(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - caught_at.tv_sec) * 1000000000LL + now.tv_nsec - caught_at.tv_nsec <
           SAME_SIGNAL_NS;
}

/* A handler may call ev_async_send(): libev's manual says so.  The mask keeps one handler out of
 * the other. */
static void handle(int number)
{
    if (caught == 0) {
        (void)clock_gettime(CLOCK_MONOTONIC, &caught_at);
        caught = number;
        ev_async_send(waiting.loop, &waiting.wake);
    } else if (!comes_with_first()) {
        die_of(number);
    }
}

static void on_wake(struct ev_loop *loop, ev_async *watcher, int events)
{
    waiting.on_first(waiting.arg);
}

void signals_start(struct ev_loop *loop, void (*on_first)(void *arg), void *arg)
{
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};

    waiting.loop = loop;
    waiting.on_first = on_first;
    waiting.arg = arg;
    ev_async_init(&waiting.wake, on_wake);
    ev_async_start(loop, &waiting.wake);
    ev_unref(loop);
    (void)sigemptyset(&action.sa_mask);
    (void)sigaddset(&action.sa_mask, SIGINT);
    (void)sigaddset(&action.sa_mask, SIGTERM);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

int signals_caught(void) { return caught; }

void signals_raise(void)
{
    (void)fflush(NULL);
    die_of(caught);
}

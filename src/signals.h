/*
 * SIGINT and SIGTERM: the first one asks for a graceful end, the second one ends the process at
 * once, even if the loop is stuck.  Two that come together count as one.
 *
 * Signals are the process's own, so there is one of this.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <ev.h>

/* From now on the first signal calls on_first(arg) from the loop, which does not keep running for
 * that alone. */
void signals_start(struct ev_loop *loop, void (*on_first)(void *arg), void *arg);

/* The signal that came first; 0: none has come. */
int signals_caught(void);

/* Ends the process by that signal, so that a shell which runs it sees it and stops too. */
void signals_raise(void);

#endif

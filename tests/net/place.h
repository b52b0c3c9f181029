/*
 * Two network namespaces, with two links between them:
 *
 *     here  near0 198.51.100.1  2001:db8:100::1 --- far0  ::2    there, with 192.0.2.9 and
 *           near1 203.0.113.1   2001:db8:101::1 --- far1  ::2    2001:db8:9::9 behind both
 *
 * The first link is the one that is used, as long as there is a way.  The program runs here; a
 * socket belongs to the namespace in which it was made.
 */
#ifndef PLACE_H
#define PLACE_H

#include "net.h"

struct place {
    int here, there; /* namespaces */
};

extern struct place place;

/* For cmocka: makes them, enters `place.here`, and goes on as net_set_up(). */
int place_set_up(void **state);
int place_tear_down(void **state);

void place_enter(int namespace);

/* Runs commands of the shell; the test fails if one of them does. */
void place_run(const char *commands);

/* Skips the test where there is no nft. */
void place_need_nft(void);

#endif

/* Datagrams that are on their way, for tests that are a network themselves. */
#ifndef SIM_FLIGHT_H
#define SIM_FLIGHT_H

#include "sim.h"

/* Each does something to the one that would reach the node as the `n`-th, and returns false if
 * there are not so many. */
bool flight_drop(struct sim_node *node, size_t n);
bool flight_delay(struct sim_node *node, size_t n, uint64_t ns);     /* behind others */
bool flight_duplicate(struct sim_node *node, size_t n, uint64_t ns); /* the copy comes later */
bool flight_flip(struct sim_node *node, size_t n, size_t bit);
bool flight_cut(struct sim_node *node, size_t n, size_t len);

#endif

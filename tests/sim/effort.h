/* I11: a turn does not try again what cannot be done. */
#ifndef SIM_EFFORT_H
#define SIM_EFFORT_H

#include "sim.h"

void sim_begin_effort(void);                  /* before an event */
void sim_check_effort(const struct sim *sim); /* and after it */

#endif

/* I2: no credit is lost, and none is invented. */
#ifndef SIM_CREDIT_H
#define SIM_CREDIT_H

#include "sim.h"

/* Of a connection that has its ngtcp2 still. */
void sim_check_credit(const struct sim *sim, const struct iq_conn *conn);

#endif

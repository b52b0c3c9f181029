/* What listen and connect have in common: the endpoint that the options ask for. */
#ifndef SETUP_H
#define SETUP_H

#include <ev.h>
#include <iq/iq.h>

#include "cli.h"

/* Binds the endpoint that the options and the environment ask for.  An exit status. */
int setup_endpoint(struct iq_endpoint **endpoint, struct ev_loop *loop,
                   const struct options *options);

#endif

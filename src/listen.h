/* echo listen: the accept side, for as long as it is wanted. */
#ifndef LISTEN_H
#define LISTEN_H

#include "cli.h"

/* Returns the exit status. */
int listen_run(const struct options *options);

#endif

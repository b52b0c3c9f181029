/* echo connect: sends a text or standard input, and prints what comes back. */
#ifndef CONNECT_H
#define CONNECT_H

#include "cli.h"

/* Returns the exit status. */
int connect_run(const struct options *options);

#endif

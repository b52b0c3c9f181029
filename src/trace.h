/*
 * For those who look inside: TLS secrets for Wireshark, qlog files for qvis.  Neither is on unless
 * it is asked for.
 */
#ifndef TRACE_H
#define TRACE_H

#include <iq/iq.h>

#include "cli.h"

/* Fills in what SSLKEYLOGFILE and --qlog ask for.  An exit status. */
int trace_start(struct iq_endpoint_config *config, const struct options *options);

void trace_end(void);

#endif

/* What the zeros of a configuration mean. */
#ifndef IQ_DEFAULTS_H
#define IQ_DEFAULTS_H

#include "iq/config.h"

void iq_config_fill_defaults(struct iq_endpoint_config *config);

#endif

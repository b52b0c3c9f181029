/* Which numbers a configuration may have, and what its zeros mean. */
#ifndef IQ_CONFIG_VALUES_H
#define IQ_CONFIG_VALUES_H

#include <stdbool.h>

#include "iq/config.h"

bool iq_config_is_in_range(const struct iq_endpoint_config *config);
void iq_config_fill_defaults(struct iq_endpoint_config *config);

#endif

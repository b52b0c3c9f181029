/* What the processor can do. */
#ifndef IQ_CPU_H
#define IQ_CPU_H

#include <stdbool.h>

/* Whether it has instructions for AES; true where nobody can tell, as nearly all have them. */
bool iq_cpu_has_aes(void);

#endif

/*
 * Memory that is counted: every live byte of the library and of what is linked into the program.
 *
 * The program is linked with --wrap for the functions of malloc.  The simulator itself takes its
 * memory from sim_alloc(), which does not count.
 */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

size_t sim_live_bytes(void);
size_t sim_live_blocks(void);

/* From now on allocations are counted from 1, and those from `first` to `last` fail; 0: none. */
void sim_deny_memory(uint64_t first, uint64_t last);

uint64_t sim_allocation_count(void); /* since then */
bool sim_is_memory_denied(void);
uint64_t sim_latest_denied(void); /* its number; 0: there was none */

void *sim_alloc(size_t size); /* zeroed; ends the program if there is none */
void *sim_realloc(void *block, size_t size);
void sim_dealloc(void *block);

#endif

/*
 * Random numbers that repeat from a seed, also those that libsodium and OpenSSL hand out.
 */
#ifndef SIM_SEED_H
#define SIM_SEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../unit/dice.h"

/* Whether something with this chance, per 10,000, happens. */
static inline bool sim_happens(struct dice *dice, uint32_t chance)
{
    return chance > 0 && dice_below(dice, 10000) < chance;
}

/* Takes over the randomness of the process, once. */
void sim_seed_install(void);

/* From here on the libraries' random bytes follow from `seed`. */
void sim_seed_libraries(uint64_t seed);

/* Frees what OpenSSL keeps for the thread, its last errors: not a byte is left of a connection. */
void sim_forget_errors(void);

#endif

/*
 * Random numbers that repeat from a seed, also those that libsodium and OpenSSL hand out.
 */
#ifndef SIM_SEED_H
#define SIM_SEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sim_dice {
    uint64_t state;
};

/* SplitMix64, which takes every seed.  Steele, Lea and Flood, OOPSLA 2014. */
static inline uint64_t sim_roll(struct sim_dice *dice)
{
    uint64_t z = dice->state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* A number from 0 to `count` - 1. */
static inline uint64_t sim_below(struct sim_dice *dice, uint64_t count)
{
    return count == 0 ? 0 : sim_roll(dice) % count;
}

/* Whether something with this chance, per 10,000, happens. */
static inline bool sim_happens(struct sim_dice *dice, uint32_t chance)
{
    return chance > 0 && sim_below(dice, 10000) < chance;
}

/* Takes over the randomness of the process, once. */
void sim_seed_install(void);

/* From here on the libraries' random bytes follow from `seed`. */
void sim_seed_libraries(uint64_t seed);

/* Frees what OpenSSL keeps for the thread, its last errors: not a byte is left of a connection. */
void sim_forget_errors(void);

#endif

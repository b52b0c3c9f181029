/*
 * Random numbers for tests, which repeat from a seed.
 *
 * The seed is printed, so that it stands beside a failure; IQ_TEST_SEED sets another one.
 */
#ifndef DICE_H
#define DICE_H

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct dice {
    uint64_t state;
};

static inline struct dice dice_new(void)
{
    const char *text = getenv("IQ_TEST_SEED");
    struct dice dice = {.state = text == NULL ? 1 : strtoull(text, NULL, 0)};

    printf("IQ_TEST_SEED=%" PRIu64 "\n", dice.state);
    return dice;
}

/* SplitMix64, which takes every seed.  Steele, Lea and Flood, OOPSLA 2014. */
static inline uint64_t dice_roll(struct dice *dice)
{
    uint64_t z = dice->state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* A number from 0 to `count` - 1; of nothing, 0. */
static inline uint64_t dice_below(struct dice *dice, uint64_t count)
{
    return count == 0 ? 0 : dice_roll(dice) % count;
}

static inline void dice_fill(struct dice *dice, uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        data[i] = (uint8_t)dice_roll(dice);
    }
}

#endif

/* Random play: play.h. */
#include "play.h"
#include "story.h"

#define BLOCK 1000 /* sequences for one seed */

static void expect_good_ends(uint64_t first, unsigned count)
{
    if (!play_many(first, count)) {
        fail_msg("a sequence fails");
    }
}

static void tell_play(const struct sim_options *options)
{
    expect_good_ends(options->seed * BLOCK, BLOCK);
}

/* Those that were found to fail, by their numbers. */
static void tell_again(const struct sim_options *options)
{
    static const uint64_t numbers[] = {
        /* answers to PATH_CHALLENGE fill the congestion window, and are lost */
        54098,
        42063,
        682350,
        684958,
        /* an id of early data that was refused is used again before that is told */
        41031,
        111758,
        735805,
        750482,
        /* a connection comes to light when all others have closed */
        436609,
    };
    size_t i;

    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        expect_good_ends(numbers[i], 1);
    }
}

const struct story play_stories[] = {
    {.name = "play_at_random", .run = tell_play, .weather = STORY_CALM_ONLY, .seeds = 20},
    {.name = "play_again", .run = tell_again, .weather = STORY_CALM_ONLY},
    {.name = "long_play_a_million", .run = tell_play, .weather = STORY_CALM_ONLY, .seeds = 1000},
    {0},
};

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
        41031, /* an id that refused early data had, used again before that is told */
        54098, /* answers to PATH_CHALLENGE that fill the congestion window, and are lost */
        42063, 682350, 684958, /* two of them at once, which leave no room for anything behind */
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

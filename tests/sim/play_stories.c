/* Random play: play.h. */
#include "play.h"
#include "story.h"

#define BLOCK 1000 /* sequences for one seed */

static void tell_play(const struct sim_options *options)
{
    if (!play_many(options->seed * BLOCK, BLOCK)) {
        fail_msg("a sequence fails");
    }
}

const struct story play_stories[] = {
    {.name = "play_at_random", .run = tell_play, .weather = STORY_CALM_ONLY, .seeds = 20},
    {.name = "long_play_a_million", .run = tell_play, .weather = STORY_CALM_ONLY, .seeds = 1000},
    {0},
};

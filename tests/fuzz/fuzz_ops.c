/* Random play, as the bytes say: tests/sim/play.h. */
#include "play.h"

#include "fuzz.h"
#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    world_warm_up();
    play_run(data, len);
    return 0;
}

/* The time of day: these take the place of the system's functions, in this program. */
#include "clock.h"

#include <stddef.h>
#include <sys/time.h>
#include <time.h>

#define BEGINNING 1700000000 /* of every simulation, in seconds since 1970 */

static const uint64_t *followed_ns;
static int64_t jumped;

void sim_clock_follow(const uint64_t *now_ns)
{
    followed_ns = now_ns;
    jumped = 0;
}

void sim_clock_jump(int64_t seconds) { jumped += seconds; }

static uint64_t now_us(void) { return followed_ns == NULL ? 0 : *followed_ns / 1000; }

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the headers' are reserved */
time_t time(time_t *seconds)
{
    const time_t now = BEGINNING + (time_t)(now_us() / 1000000) + jumped;

    if (seconds != NULL) {
        *seconds = now;
    }
    return now;
}

int gettimeofday(struct timeval *restrict value, void *restrict zone)
{
    value->tv_sec = time(NULL);
    value->tv_usec = (suseconds_t)(now_us() % 1000000);
    return 0;
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

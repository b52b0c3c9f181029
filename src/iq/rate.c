#include "rate.h"

#define NS_PER_S UINT64_C(1000000000)

bool iq_rate_take(struct iq_rate *rate, uint64_t per_s, uint64_t at_once, uint64_t now_ns)
{
    const uint64_t interval_ns = NS_PER_S / per_s;
    const uint64_t from_ns = rate->paid_until_ns > now_ns ? rate->paid_until_ns : now_ns;

    if (from_ns - now_ns > (at_once - 1) * interval_ns) {
        return false;
    }
    rate->paid_until_ns = from_ns + interval_ns;
    return true;
}

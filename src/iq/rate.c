#include "rate.h"

#define NS_PER_S UINT64_C(1000000000)

static uint64_t paid_until_ns(const struct iq_rate *rate, uint64_t now_ns)
{
    return rate->paid_until_ns > now_ns ? rate->paid_until_ns : now_ns;
}

bool iq_rate_allows(const struct iq_rate *rate, uint64_t per_s, uint64_t at_once, uint64_t now_ns)
{
    return paid_until_ns(rate, now_ns) - now_ns <= (at_once - 1) * (NS_PER_S / per_s);
}

void iq_rate_count(struct iq_rate *rate, uint64_t per_s, uint64_t now_ns)
{
    rate->paid_until_ns = paid_until_ns(rate, now_ns) + NS_PER_S / per_s;
}

bool iq_rate_take(struct iq_rate *rate, uint64_t per_s, uint64_t at_once, uint64_t now_ns)
{
    const bool may = iq_rate_allows(rate, per_s, at_once, now_ns);

    if (may) {
        iq_rate_count(rate, per_s, now_ns);
    }
    return may;
}

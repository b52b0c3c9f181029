#include "rule.h"

#include <string.h>

bool rule_is_said(const struct evil_packet *packet)
{
    return packet->frames.len > 0 || packet->header_bits != 0 || packet->no_frames;
}

struct evil_options rule_options(const struct rule *rule, const struct iq_secret_key *key)
{
    struct evil_options wanted = rule->options;

    wanted.alpn = wanted.alpn == NULL ? "\x04" RULE_ALPN : wanted.alpn;
    memcpy(wanted.seed, key->seed, IQ_KEY_LEN);
    return wanted;
}

void rule_expect_told(const struct sim *sim, const struct rule *rule, const struct evil *evil,
                      const struct note *heard, bool opens)
{
    const bool is_right =
        evil->code == rule->code || (rule->instead != 0 && evil->code == rule->instead);

    if (evil->closed_count != 1 || evil->by_application || !is_right || heard->opened != opens) {
        SIM_FAIL(sim, "%s: closed %u, code %#llx, error %d; opened %u", rule->name,
                 evil->closed_count, (unsigned long long)evil->code, evil->failed, heard->opened);
    }
}

void rule_expect_served(struct sim_node *dials, struct sim_node *accepts)
{
    struct app_task honest = {.len = 10000};

    app_dial(&honest, dials, accepts);
    sim_run_for(dials->sim, RULE_A_WHILE);
    app_expect_done(dials->sim, &honest);
}

/* What the zeros of a configuration mean is what docs/limits.md says. */
#include "config_values.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct iq_endpoint_config filled;

static int set_up(void **state)
{
    iq_config_fill_defaults(&filled);
    return 0;
}

static uint64_t default_of(const char *name)
{
#define ROW(member)                                                                                \
    {                                                                                              \
#member, filled.member                                                                     \
    }
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        ROW(limits.half_open_before_retry),
        ROW(limits.half_open),
        ROW(limits.conns),
        ROW(limits.conns_per_addr),
        ROW(limits.conns_per_id),
        ROW(limits.abandoned_streams_per_s),
        ROW(limits.retired_cids_per_s),
        ROW(limits.buffered_bytes),
        ROW(accept_timeout_ms),
        ROW(idle_timeout_ms),
        ROW(keep_alive_ms),
        ROW(max_streams_bi),
        ROW(max_streams_uni),
        ROW(stream_window),
        ROW(conn_window),
        ROW(stream_send_buffer),
        ROW(conn_send_buffer),
    };
#undef ROW

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return rows[i].value;
        }
    }
    fail_msg("docs/limits.md names %s", name);
    return 0;
}

/* A row is: | L1 | `member`: what it is | 64 | and more.  Returns whether the line is one. */
static bool check_row(const char *line)
{
    const char *what_it_is = strchr(line, ':');
    const char *number = what_it_is == NULL ? NULL : strchr(what_it_is, '|');
    char name[64];

    if (number == NULL ||
        sscanf(line, "| L%*u | `%63[a-z_.]`:", name) != 1) { /* NOLINT(cert-err34-c) */
        return false;
    }
    if (strtoull(number + 1, NULL, 10) != default_of(name)) {
        fail_msg("%s is %" PRIu64 ", and the table says%s", name, default_of(name), number);
    }
    return true;
}

static void test_table(void **state)
{
    FILE *table = fopen(LIMITS_TABLE, "r");
    char line[2000];
    unsigned rows = 0;

    assert_non_null(table);
    while (fgets(line, sizeof(line), table) != NULL) {
        rows += check_row(line);
    }
    assert_int_equal(fclose(table), 0);
    assert_int_equal(rows, 17);
}

/* What is given is kept, and what none means too. */
static void test_given(void **state)
{
    struct iq_endpoint_config config = {.accept_timeout_ms = 7,
                                        .limits = {.conns = IQ_UNLIMITED, .conns_per_id = 3}};

    iq_config_fill_defaults(&config);
    assert_int_equal(config.accept_timeout_ms, 7);
    assert_true(config.limits.conns == IQ_UNLIMITED);
    assert_int_equal(config.limits.conns_per_id, 3);
    assert_int_equal(config.limits.half_open, filled.limits.half_open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_given),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}

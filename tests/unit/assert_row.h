/*
 * A check on one row of a table, which names the row when it fails.
 *
 * Include it behind cmocka.h.
 */
#ifndef ASSERT_ROW_H
#define ASSERT_ROW_H

#include <stdbool.h>

static inline void assert_row(bool is_right, const char *name)
{
    if (!is_right) {
        fail_msg("row: %s", name);
    }
}

#endif

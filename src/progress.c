/* Draws one line again and again.  A terminal that is stopped (^S) is left alone meanwhile. */
#include "progress.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define INTERVAL_S 0.5

/* "12.3 MB": decimal units, as networks have them. */
static void format_bytes(char *text, size_t size, double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    size_t unit = 0;

    while (bytes >= 999.95 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        bytes /= 1000;
        unit++;
    }
    (void)snprintf(text, size, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

static void draw(struct progress *progress, const char *end)
{
    struct pollfd terminal = {.fd = STDERR_FILENO, .events = POLLOUT};
    const double elapsed_s = ev_time() - progress->start;
    const uint64_t seconds = elapsed_s > 0 ? (uint64_t)elapsed_s : 0;
    const double bytes = (double)*progress->bytes;
    char total[16], rate[16];

    if (poll(&terminal, 1, 0) != 1) {
        return;
    }
    format_bytes(total, sizeof(total), bytes);
    format_bytes(rate, sizeof(rate), elapsed_s > 0 ? bytes / elapsed_s : 0);
    (void)fprintf(stderr, "\r%8s  %8s/s  %" PRIu64 ":%02u:%02u %s", total, rate, seconds / 3600,
                  (unsigned int)(seconds / 60 % 60), (unsigned int)(seconds % 60), end);
    (void)fflush(stderr);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events) { draw(timer->data, ""); }

void progress_start(struct progress *progress, struct ev_loop *loop, const uint64_t *bytes)
{
    if (!isatty(STDERR_FILENO) || isatty(STDOUT_FILENO)) {
        return;
    }
    *progress = (struct progress){.loop = loop, .bytes = bytes, .start = ev_time()};
    ev_timer_init(&progress->timer, on_timer, INTERVAL_S, INTERVAL_S);
    progress->timer.data = progress;
    ev_timer_start(loop, &progress->timer);
}

void progress_end(struct progress *progress)
{
    if (progress->loop == NULL || !ev_is_active(&progress->timer)) {
        return;
    }
    ev_timer_stop(progress->loop, &progress->timer);
    draw(progress, "\n");
}

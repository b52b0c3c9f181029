/*
 * What the applications of most stories do: one side echoes, the other sends a pattern on some
 * streams, compares what comes back, and closes.
 */
#ifndef SIM_APP_H
#define SIM_APP_H

#include "watch.h"

#define APP_ALPN "iroh-example/echo/0"

extern const struct iq_protocol_handler app_echo;
extern const struct iq_route app_echo_routes[];

/* What a dialling application is to do: `len`, `stream_count`, `at_once`, `end_alone` and `stay`;
 * and what became of it: the others. */
struct app_task {
    uint64_t len;          /* bytes on each stream */
    unsigned stream_count; /* in all; 0: one */
    unsigned at_once;      /* open at the same time; 0: one */
    struct iq_conn *conn;  /* NULL once closed */
    uint64_t received;     /* bytes on all streams */
    uint64_t code;         /* with which it has closed */
    unsigned opened, echoed, open_now, closed_count;
    enum iq_close_how how;
    bool end_alone; /* finishes only when every byte has come back: the end travels alone */
    bool stay;      /* does not close at the end */
    bool connected;
    char reason[64];
};

extern const struct iq_protocol_handler app_task_handler;

/* Dials; the task must live until the connection has closed. */
void app_dial(struct app_task *task, struct sim_node *from, struct sim_node *to);

/* Whether the task has done all that it was to do, and then closed. */
bool app_is_done(const struct app_task *task);
void app_expect_done(const struct sim *sim, const struct app_task *task);

/* Keeps how a connection ended. */
void app_note_closed(struct app_task *task, const struct iq_close_reason *why);

/* The byte of the pattern at `offset` of a stream. */
static inline uint8_t app_pattern(int64_t stream_id, uint64_t offset)
{
    return (uint8_t)(offset * 7 + (offset >> 8) * 13 + (offset >> 16) * 29 +
                     (uint64_t)stream_id * 3);
}

/* Writes as much of the pattern as fits, up to `len` bytes in all; `sent` counts. */
void app_write(struct iq_stream *stream, uint64_t *sent, uint64_t len);

/* Reads what is there and compares it with the pattern; `received` counts. */
void app_read(struct iq_stream *stream, uint64_t *received);

#endif

/* The echo, and its counterpart. */
#include "app.h"

#include <string.h>

#include "memory.h"

/* The handler of src/echo.c, but for what it prints. */
static void echo_stream(struct iq_stream *stream)
{
    size_t sent;

    do {
        struct iq_bytes in = iq_stream_peek(stream);
        sent = iq_stream_write(stream, in.data, in.len);
        iq_stream_consume(stream, sent);
    } while (sent > 0);

    if (iq_stream_at_end(stream)) {
        iq_stream_finish(stream);
    }
}

const struct iq_protocol_handler app_echo = {.on_stream_ready = echo_stream};

const struct iq_route app_echo_routes[] = {{.alpn = APP_ALPN, .handler = &app_echo}, {0}};

/* The pattern */

static struct sim *sim_of(const struct iq_stream *stream)
{
    return sim_node_of(iq_conn_endpoint(iq_stream_conn(stream)))->sim;
}

void app_write(struct iq_stream *stream, uint64_t *sent, uint64_t len)
{
    uint8_t block[16384];
    size_t taken, wanted, i;

    do {
        wanted = len - *sent < sizeof(block) ? (size_t)(len - *sent) : sizeof(block);
        for (i = 0; i < wanted; i++) {
            block[i] = app_pattern(iq_stream_id(stream), *sent + i);
        }
        taken = iq_stream_write(stream, block, wanted);
        *sent += taken;
    } while (taken > 0 && *sent < len);
}

static void expect_pattern(const struct iq_stream *stream, struct iq_bytes in, uint64_t offset)
{
    size_t i;

    for (i = 0; i < in.len; i++) {
        if (in.data[i] != app_pattern(iq_stream_id(stream), offset + i)) {
            SIM_FAIL(sim_of(stream), "I4: wrong byte at %llu", (unsigned long long)(offset + i));
        }
    }
}

void app_read(struct iq_stream *stream, uint64_t *received)
{
    struct iq_bytes in;

    for (in = iq_stream_peek(stream); in.len > 0; in = iq_stream_peek(stream)) {
        expect_pattern(stream, in, *received);
        *received += in.len;
        iq_stream_consume(stream, in.len);
    }
}

/* The task */

struct task_stream {
    uint64_t sent, received;
    bool echoed;
};

static struct app_task *task_of(const struct iq_stream *stream)
{
    return iq_conn_data(iq_stream_conn(stream));
}

static void open_more(struct app_task *task)
{
    const unsigned all = task->stream_count == 0 ? 1 : task->stream_count;
    const unsigned at_once = task->at_once == 0 ? 1 : task->at_once;

    while (task->opened < all && task->open_now < at_once) {
        struct iq_stream *stream;
        const int rc = watch_open_bi(&stream, task->conn);

        if (rc == IQ_ERR_NOMEM) {
            iq_conn_close(task->conn, 1, "no memory");
        }
        if (rc != 0) {
            return; /* on_streams_allowed comes, or on_closed */
        }
        iq_stream_set_data(stream, sim_alloc(sizeof(struct task_stream)));
        task->opened++;
        task->open_now++;
        app_task_handler.on_stream_ready(stream);
    }
}

static void task_connect(struct iq_conn *conn)
{
    struct app_task *task = iq_conn_data(conn);

    task->connected = true;
    task->conn = conn;
    open_more(task);
}

static void task_streams_allowed(struct iq_conn *conn) { open_more(iq_conn_data(conn)); }

static void task_stream(struct iq_stream *stream)
{
    struct app_task *task = task_of(stream);
    struct task_stream *state = iq_stream_data(stream);
    const uint64_t before = state->received;

    app_write(stream, &state->sent, task->len);
    app_read(stream, &state->received);
    task->received += state->received - before;
    SIM_EXPECT(sim_of(stream), state->received <= state->sent);
    if (state->sent == task->len && (!task->end_alone || state->received == task->len)) {
        iq_stream_finish(stream);
    }
    if (iq_stream_at_end(stream) && !state->echoed) {
        SIM_EXPECT(sim_of(stream), state->received == task->len);
        state->echoed = true;
        task->echoed++;
    }
}

static void task_stream_closed(struct iq_stream *stream)
{
    struct app_task *task = task_of(stream);
    const unsigned all = task->stream_count == 0 ? 1 : task->stream_count;

    sim_dealloc(iq_stream_data(stream));
    task->open_now--;
    if (task->echoed == all && !task->stay) {
        iq_conn_close(task->conn, 0, "bye!");
    } else if (task->echoed + task->open_now == task->opened) {
        open_more(task);
    }
}

void app_note_closed(struct app_task *task, const struct iq_close_reason *why)
{
    const size_t len =
        why->text_len < sizeof(task->reason) ? why->text_len : sizeof(task->reason) - 1;

    task->conn = NULL;
    task->closed_count++;
    task->how = why->how;
    task->code = why->code;
    memcpy(task->reason, why->text, len);
    task->reason[len] = '\0';
}

static void task_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    app_note_closed(iq_conn_data(conn), why);
}

const struct iq_protocol_handler app_task_handler = {
    .on_connect = task_connect,
    .on_stream_ready = task_stream,
    .on_stream_closed = task_stream_closed,
    .on_streams_allowed = task_streams_allowed,
    .on_closed = task_closed,
};

void app_dial(struct app_task *task, struct sim_node *from, struct sim_node *to)
{
    const struct iq_addr addr = sim_addr(to);

    SIM_EXPECT(from->sim,
               watch_dial(&task->conn, from, &addr, APP_ALPN, &app_task_handler, task, NULL) == 0);
}

bool app_is_done(const struct app_task *task)
{
    return task->connected && task->closed_count == 1 && task->how == IQ_CLOSED_BY_US &&
           task->echoed == (task->stream_count == 0 ? 1 : task->stream_count);
}

void app_expect_done(const struct sim *sim, const struct app_task *task)
{
    if (!app_is_done(task)) {
        SIM_FAIL(sim,
                 "the echo is not done: connected %d, %u of %u streams, %llu bytes, closed %u "
                 "(how %d, code %#llx, \"%s\")",
                 task->connected, task->echoed, task->stream_count,
                 (unsigned long long)task->received, task->closed_count, (int)task->how,
                 (unsigned long long)task->code, task->reason);
    }
}

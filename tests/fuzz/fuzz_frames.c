/*
 * Frames of RFC 9000, section 19, from a peer that has the keys: each well written, and all of them
 * together as nobody would send them.
 *
 * The first byte tells which side the endpoint has (bit 0).  Then comes a list: a byte for what is
 * next, and for each of its fields one for a number, or one with a length and so many bytes.
 */
#include "evil.h"
#include "frames.h"
#include "fuzz.h"
#include "world.h"

#define PACKETS_MAX 24

/* The fields: a number, the number of a stream, bytes with their length, 8 bytes, an id with its
 * length and 16 bytes, and ranges with their count. */
static const struct row {
    uint8_t type;
    const char *fields;
} rows[] = {
    {0x00, ""},    {0x01, ""},   {0x02, "nnr"}, {0x03, "nnrnnn"}, {0x04, "snn"}, {0x05, "sn"},
    {0x06, "nb"},  {0x07, "b"},  {0x08, "s"},   {0x09, "s"},      {0x0a, "sb"},  {0x0b, "sb"},
    {0x0c, "sn"},  {0x0d, "sn"}, {0x0e, "snb"}, {0x0f, "snb"},    {0x10, "n"},   {0x11, "sn"},
    {0x12, "n"},   {0x13, "n"},  {0x14, "n"},   {0x15, "sn"},     {0x16, "n"},   {0x17, "n"},
    {0x18, "nni"}, {0x19, "n"},  {0x1a, "8"},   {0x1b, "8"},      {0x1c, "nnb"}, {0x1d, "nb"},
    {0x1e, ""},    {0x30, ""},   {0x31, "b"},   {0x21, "n"},
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

/* Beside frames */
#define NEXT_PACKET 0xff
#define WAIT        0xfe /* the next byte tells how long */

struct input {
    const uint8_t *data;
    size_t len;
};

static uint8_t take(struct input *input)
{
    if (input->len == 0) {
        return 0;
    }
    input->len--;
    return *input->data++;
}

/* Small ones, and those at the edges of what is allowed and of how it is written. */
static uint64_t take_number(struct input *input)
{
    static const uint64_t edges[] = {0x3f,
                                     0x40,
                                     0x3fff,
                                     0x4000,
                                     5999,
                                     6000,
                                     6001,
                                     12000,
                                     12001,
                                     65535,
                                     0x3fffffff,
                                     0x40000000,
                                     UINT32_MAX,
                                     (UINT64_C(1) << 60) - 1,
                                     UINT64_C(1) << 60,
                                     (UINT64_C(1) << 60) + 1,
                                     (UINT64_C(1) << 62) - 1};
    const uint8_t byte = take(input);

    return byte < 0xe0 ? byte : edges[(byte - 0xe0) % (sizeof(edges) / sizeof(edges[0]))];
}

static void put_number(struct frames *frames, uint64_t number)
{
    frames_put_numbers(frames, &number, 1);
}

/* As many as there are of those that are wanted; the others are zeros. */
static void put_bytes(struct frames *frames, struct input *input, size_t len)
{
    uint8_t bytes[UINT8_MAX] = {0};
    size_t i;

    for (i = 0; i < len; i++) {
        bytes[i] = take(input);
    }
    frames_put_bytes(frames, bytes, len);
}

static void put_ranges(struct frames *frames, struct input *input)
{
    const uint64_t count = take(input) % 8;
    uint64_t i;

    put_number(frames, count);
    for (i = 0; i < 1 + 2 * count; i++) {
        put_number(frames, take_number(input));
    }
}

static void put_field(struct frames *frames, struct input *input, char field)
{
    uint8_t len;

    switch (field) {
    case 'b':
        len = take(input);
        put_number(frames, len);
        put_bytes(frames, input, len);
        return;
    case 'i':
        len = take(input) % 24;
        frames_put_bytes(frames, &len, 1);
        put_bytes(frames, input, (size_t)len + 16);
        return;
    case '8':
        put_bytes(frames, input, 8);
        return;
    case 'r':
        put_ranges(frames, input);
        return;
    default:
        put_number(frames, take_number(input));
        return;
    }
}

static void put_frame(struct frames *frames, struct input *input, const struct row *row)
{
    const char *field;

    put_number(frames, row->type);
    for (field = row->fields; *field != '\0'; field++) {
        put_field(frames, input, *field);
    }
}

/* No frame is longer than this. */
#define FRAME_MAX 400

/* The frames up to the end of the packet, or as many as fit. */
static void put_packet(struct frames *frames, struct input *input, uint8_t next)
{
    while (next != NEXT_PACKET && frames->len < FRAMES_MAX - FRAME_MAX) {
        put_frame(frames, input, &rows[next % ROW_COUNT]);
        if (input->len == 0) {
            return;
        }
        next = take(input);
    }
}

static void play(struct evil *evil, struct input *input)
{
    struct sim *sim = evil->node->sim;
    unsigned packets = 0;

    while (input->len > 0 && packets < PACKETS_MAX) {
        struct frames frames = {.len = 0};
        const uint8_t next = take(input);

        if (next == WAIT) {
            sim_run_for(sim, take(input) * SIM_MILLISECOND);
            continue;
        }
        put_packet(&frames, input, next);
        if (frames.len > 0) {
            evil_say(evil, frames.data, frames.len);
            packets++;
        }
        sim_run_for(sim, SIM_MICROSECOND);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct evil evil;
    struct evil_options wanted = {.alpn = "\x06" WORLD_ALPN, .max_datagram = 65535};
    struct input input = {.data = data, .len = len};
    const bool dials = (take(&input) & 1) != 0;
    struct world world;

    wanted.seed[0] = WORLD_PEER_SEED;
    world_begin(&world, &(struct world_options){0});
    if (dials) {
        evil_answer(&evil, world.peer, &wanted);
        world_dial(&world);
    } else {
        evil_dial(&evil, world.peer, world.victim, &wanted);
    }
    sim_run_for(world.sim, SIM_SECOND / 10);
    play(&evil, &input);
    evil_free(&evil);
    world_end(&world);
    return 0;
}

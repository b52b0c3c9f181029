/*
 * Postcard: the limits are those of Rust's crate of that name, which iroh uses.
 */
#include "postcard.h"

#include <stdbool.h>
#include <string.h>

struct iq_postcard_reader iq_postcard_reader(const uint8_t *data, size_t len)
{
    return (struct iq_postcard_reader){.data = data, .len = len};
}

void iq_postcard_refuse(struct iq_postcard_reader *reader, size_t where, const char *what)
{
    if (reader->mistake == NULL) {
        reader->pos = where;
        reader->mistake = what;
    }
}

static void refuse_end(struct iq_postcard_reader *reader)
{
    iq_postcard_refuse(reader, reader->len, "it ends too early");
}

static size_t remaining(const struct iq_postcard_reader *reader)
{
    return reader->len - reader->pos;
}

uint64_t iq_postcard_read_varint(struct iq_postcard_reader *reader, unsigned bits,
                                 const char *what_if_larger)
{
    size_t start = reader->pos;
    uint64_t number = 0;

    for (unsigned shift = 0; shift < bits; shift += 7) {
        const struct iq_bytes next = iq_postcard_read_array(reader, 1);
        uint8_t group;

        if (next.len == 0) {
            return 0;
        }
        group = next.data[0] & 0x7f;
        if (bits - shift < 7 && group >> (bits - shift) != 0) {
            break;
        }
        number |= (uint64_t)group << shift;
        if (next.data[0] == group) { /* the top bit says that more follow */
            return number;
        }
    }
    iq_postcard_refuse(reader, start, what_if_larger);
    return 0;
}

size_t iq_postcard_read_count(struct iq_postcard_reader *reader, size_t min_item_len)
{
    uint64_t count = iq_postcard_read_varint(reader, 64, "a length is too large");

    if (count > remaining(reader) / min_item_len) {
        refuse_end(reader);
        return 0;
    }
    return (size_t)count;
}

struct iq_bytes iq_postcard_read_array(struct iq_postcard_reader *reader, size_t len)
{
    struct iq_bytes array = {.len = len};

    if (reader->mistake != NULL) {
        return (struct iq_bytes){0};
    }
    if (len > remaining(reader)) {
        refuse_end(reader);
        return (struct iq_bytes){0};
    }
    array.data = reader->data + reader->pos;
    reader->pos += len;
    return array;
}

struct iq_bytes iq_postcard_read_bytes(struct iq_postcard_reader *reader)
{
    return iq_postcard_read_array(reader, iq_postcard_read_count(reader, 1));
}

/* Whether `low` to `high` holds the byte. */
static bool is_between(uint8_t byte, uint8_t low, uint8_t high)
{
    return byte >= low && byte <= high;
}

/* The bytes behind the second one of a UTF-8 sequence have no edges of their own. */
static bool are_tail(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_between(bytes[i], 0x80, 0xbf)) {
            return false;
        }
    }
    return true;
}

/* The length of the UTF-8 sequence at `text`, of which `len` bytes are left; 0 if it is none.  The
 * rows are those of the syntax in RFC 3629, section 4. */
static size_t utf8_sequence_len(const uint8_t *text, size_t len)
{
    static const struct {
        uint8_t first_low, first_high, second_low, second_high, len;
    } rows[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };

    if (text[0] <= 0x7f) {
        return 1;
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].len <= len && is_between(text[0], rows[i].first_low, rows[i].first_high) &&
            is_between(text[1], rows[i].second_low, rows[i].second_high) &&
            are_tail(text + 2, rows[i].len - 2U)) {
            return rows[i].len;
        }
    }
    return 0;
}

struct iq_bytes iq_postcard_read_str(struct iq_postcard_reader *reader)
{
    struct iq_bytes str = iq_postcard_read_bytes(reader);
    size_t start = reader->pos - str.len;
    size_t pos = 0;

    while (pos < str.len) {
        size_t sequence_len = utf8_sequence_len(str.data + pos, str.len - pos);

        if (sequence_len == 0) {
            iq_postcard_refuse(reader, start + pos, "a text is not UTF-8");
            return (struct iq_bytes){0};
        }
        pos += sequence_len;
    }
    return str;
}

struct iq_postcard_writer iq_postcard_writer(uint8_t *data, size_t size)
{
    return (struct iq_postcard_writer){.data = data, .size = size};
}

void iq_postcard_write_varint(struct iq_postcard_writer *writer, uint64_t number)
{
    for (; number > 0x7f; number >>= 7) {
        const uint8_t group = (uint8_t)(number | 0x80);

        iq_postcard_write_array(writer, &group, 1);
    }
    iq_postcard_write_array(writer, &(const uint8_t){(uint8_t)number}, 1);
}

void iq_postcard_write_array(struct iq_postcard_writer *writer, const uint8_t *data, size_t len)
{
    /* What follows something that did not fit is not written either, even if it is shorter. */
    if (len > 0 && writer->len <= writer->size && len <= writer->size - writer->len) {
        memcpy(writer->data + writer->len, data, len);
    }
    writer->len += len;
}

void iq_postcard_write_bytes(struct iq_postcard_writer *writer, struct iq_bytes bytes)
{
    iq_postcard_write_varint(writer, bytes.len);
    iq_postcard_write_array(writer, bytes.data, bytes.len);
}

/*
 * Postcard: whatever is read in whichever order, the cursor stays within, a mistake stays, and what
 * is written is read as the same.
 *
 * Up to the first zero each byte is one read; the rest is what is read.
 */
#include "postcard.h"

#include "fuzz.h"

static void check_number(uint64_t number)
{
    uint8_t bytes[10];
    struct iq_postcard_writer writer = iq_postcard_writer(bytes, sizeof(bytes));
    struct iq_postcard_reader reader;

    iq_postcard_write_varint(&writer, number);
    assert(writer.len >= 1 && writer.len <= sizeof(bytes));
    reader = iq_postcard_reader(bytes, writer.len);
    assert(iq_postcard_read_varint(&reader, 64, "too large") == number);
    assert(reader.mistake == NULL && reader.pos == reader.len);
}

static void check_within(const struct iq_postcard_reader *reader, struct iq_bytes bytes)
{
    if (reader->mistake != NULL) {
        assert(bytes.len == 0);
        return;
    }
    assert(bytes.data >= reader->data);
    assert(bytes.data + bytes.len == reader->data + reader->pos);
}

static void read_one(struct iq_postcard_reader *reader, uint8_t what)
{
    static const unsigned bits[] = {16, 32, 64};
    const unsigned width = bits[what / 8 % 3];
    uint64_t number;

    switch (what % 5) {
    case 0:
        number = iq_postcard_read_varint(reader, width, "too large");
        assert(width == 64 || number >> width == 0);
        check_number(number);
        return;
    case 1:
        number = iq_postcard_read_count(reader, 1 + what / 8);
        assert(number * (1 + what / 8) <= reader->len);
        return;
    case 2:
        check_within(reader, iq_postcard_read_array(reader, what / 8));
        return;
    case 3:
        check_within(reader, iq_postcard_read_bytes(reader));
        return;
    default:
        check_within(reader, iq_postcard_read_str(reader));
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *copy = fuzz_str(data, len);
    const size_t reads = strlen(copy);
    struct iq_postcard_reader reader =
        iq_postcard_reader((const uint8_t *)copy + reads, len - reads);
    const char *mistake = NULL, *read;

    for (read = copy; *read != '\0'; read++) {
        read_one(&reader, (uint8_t)*read);
        assert(reader.pos <= reader.len);
        assert(mistake == NULL || reader.mistake == mistake);
        mistake = reader.mistake;
    }
    free(copy);
    return 0;
}

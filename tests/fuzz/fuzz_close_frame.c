/* Close packets: what is read lies inside, and does not change with padding around it. */
#include "close_frame.h"

#include "fuzz.h"

static void check_padded(const struct iq_close_frame *frame, const uint8_t *data, size_t len)
{
    struct iq_close_frame again;
    uint8_t *padded = calloc(1, len + 2);

    assert(padded != NULL);
    memcpy(padded + 1, data, len);
    assert(iq_close_frame_read(&again, (struct iq_bytes){.data = padded, .len = len + 2}));
    assert(again.by_application == frame->by_application && again.code == frame->code);
    assert(again.reason.len == frame->reason.len);
    assert(again.reason.data - padded == frame->reason.data - data + 1);
    free(padded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t *copy = (uint8_t *)fuzz_str(data, len);
    struct iq_close_frame frame;

    if (iq_close_frame_read(&frame, (struct iq_bytes){.data = copy, .len = len})) {
        assert(len >= 3 && frame.code < UINT64_C(1) << 62);
        assert(frame.reason.data >= copy + 3);
        assert(frame.reason.data + frame.reason.len <= copy + len);
        check_padded(&frame, copy, len);
    }
    free(copy);
    return 0;
}

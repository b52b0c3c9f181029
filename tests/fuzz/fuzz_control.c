/* Control messages: whatever lies in the room for them, nothing beyond it is read. */
#include "udp_control.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    uint8_t *control = (uint8_t *)fuzz_str(data, len);
    struct iq_datagrams datagrams = {.len = 1200, .segment_len = 1200};
    struct msghdr msg = {.msg_control = control, .msg_controllen = len};

    iq_udp_control_read(&msg, &datagrams);
    assert(datagrams.ecn <= 3 && datagrams.segment_len > 0);
    assert(datagrams.len == 1200 && datagrams.data == NULL);
    free(control);
    return 0;
}

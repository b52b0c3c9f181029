/* Socket addresses: what is read is printed in one form, and read from it again. */
#include "iq/addr.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = fuzz_str(data, len);
    struct iq_socket_addr addr, again;
    char str[IQ_SOCKET_ADDR_STR_SIZE], str_again[IQ_SOCKET_ADDR_STR_SIZE];
    int rc = iq_socket_addr_parse(&addr, text);

    assert(rc == 0 || rc == IQ_ERR_INVALID_ADDR);
    if (rc == 0) {
        assert(addr.ip_version == IQ_IPV4 || addr.ip_version == IQ_IPV6);
        iq_socket_addr_str(&addr, str);
        assert(iq_socket_addr_parse(&again, str) == 0);
        assert(iq_socket_addr_equal(&addr, &again));
        assert(strcmp(iq_socket_addr_str(&again, str_again), str) == 0);
    }
    free(text);
    return 0;
}

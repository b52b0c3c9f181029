/* The events of the peer, as lines of JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "peer.h"

static void say_string(const char *name, const char *text, size_t len)
{
    printf(",\"%s\":\"", name);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        printf(c < ' ' || c == '"' || c == '\\' ? "\\u%04x" : "%c", c);
    }
    printf("\"");
}

void peer_say_conn(const char *event, struct iq_conn *conn)
{
    char id[IQ_ID_STR_SIZE];

    printf("{\"event\":\"%s\",\"remote\":\"%s\"", event, iq_id_str(iq_conn_remote_id(conn), id));
    say_string("alpn", iq_conn_alpn(conn), strlen(iq_conn_alpn(conn)));
    if (peer_number(PEER_SESSIONS) > 0) {
        printf(",\"resumed\":%s,\"early\":%s", iq_conn_is_resumed(conn) ? "true" : "false",
               iq_conn_early_data_accepted(conn) ? "true" : "false");
    }
    printf("}\n");
}

void peer_say_end(const char *event, const struct iq_close_reason *why)
{
    static const char *const how[] = {
        [IQ_CLOSED_BY_US] = "closed by us",
        [IQ_CLOSED_BY_PEER] = "closed by peer",
        [IQ_CLOSED_ABORTED_BY_PEER] = "aborted by peer",
        [IQ_CLOSED_TRANSPORT_ERROR] = "transport error",
        [IQ_CLOSED_TIMED_OUT] = "timed out",
        [IQ_CLOSED_RESET] = "reset",
        [IQ_CLOSED_VERSION_MISMATCH] = "version mismatch",
    };

    printf("{\"event\":\"%s\",\"how\":\"%s\",\"code\":%" PRIu64, event, how[why->how], why->code);
    say_string("reason", why->text, why->text_len);
    printf("}\n");
}

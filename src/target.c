/*
 * Reads tickets and ID@ADDR:PORT.
 *
 * The library knows interfaces by number (RFC 4007, section 11.2 wants at least that); people know
 * them by name, and the system translates.
 */
#include "target.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <iq/ticket.h>

#include "cli.h"

#define ADDR_TEXT_SIZE 128 /* longer than any address */

int target_addr_parse(struct iq_socket_addr *addr, const char *text)
{
    const char *percent = strchr(text, '%');
    const char *bracket = percent == NULL ? NULL : strchr(percent, ']');
    char name[IF_NAMESIZE];
    char numeric[ADDR_TEXT_SIZE];
    unsigned int scope;

    if (bracket == NULL || bracket - percent - 1 >= IF_NAMESIZE) {
        return iq_socket_addr_parse(addr, text);
    }
    (void)snprintf(name, sizeof(name), "%.*s", (int)(bracket - percent - 1), percent + 1);
    scope = if_nametoindex(name);
    if (scope == 0) {
        return iq_socket_addr_parse(addr, text);
    }
    if (snprintf(numeric, sizeof(numeric), "%.*s%%%u%s", (int)(percent - text), text, scope,
                 bracket) >= (int)sizeof(numeric)) {
        return IQ_ERR_INVALID_ADDR;
    }
    return iq_socket_addr_parse(addr, numeric);
}

static int read_ticket(struct iq_addr *peer, const char *text)
{
    struct iq_ticket *ticket;
    struct iq_ticket_mistake mistake;
    const int rc = iq_ticket_parse(&ticket, text, &mistake);

    if (rc == IQ_ERR_INVALID_TICKET) {
        report_usage("ticket: at %zu: %s", mistake.where, mistake.what);
        return EXIT_USAGE;
    }
    if (rc != 0) {
        report_usage("ticket: %s", iq_strerror(rc));
        return EXIT_LOCAL;
    }
    *peer = *iq_ticket_addr(ticket);
    if (peer->count == 0 && iq_ticket_relay_count(ticket) > 0) {
        report_usage("ticket: it names relays only, and this program needs an IP address");
        iq_ticket_free(ticket);
        return EXIT_USAGE;
    }
    iq_ticket_free(ticket);
    return EXIT_FINE;
}

/* Reads the addresses behind the '@', with commas between them. */
static int read_addrs(struct iq_addr *peer, const char *text)
{
    const char *end;

    do {
        char one[ADDR_TEXT_SIZE];

        end = text + strcspn(text, ",");
        (void)snprintf(one, sizeof(one), "%.*s", (int)(end - text), text);
        if (peer->count == IQ_ADDR_MAX) {
            report_usage("\"%s\" is one too many: %d addresses at most", one, IQ_ADDR_MAX);
            return EXIT_USAGE;
        }
        if (end - text >= (int)sizeof(one) ||
            target_addr_parse(&peer->socket_addrs[peer->count], one) != 0) {
            report_usage("\"%s\" is no address: ADDR:PORT such as 192.0.2.7:4433 or "
                         "[2001:db8::7]:4433",
                         one);
            return EXIT_USAGE;
        }
        peer->count++;
        text = end + 1;
    } while (*end == ',');
    return EXIT_FINE;
}

static int read_id_and_addrs(struct iq_addr *peer, const char *text, const char *at)
{
    char id[IQ_ID_STR_SIZE + 1]; /* one more shows what is too long */

    (void)snprintf(id, sizeof(id), "%.*s", (int)(at - text), text);
    if (iq_id_parse(&peer->id, id) != 0) {
        report_usage("\"%s\" is no endpoint id: 64 lower-case hex digits, or 52 of base32", id);
        return EXIT_USAGE;
    }
    return read_addrs(peer, at + 1);
}

int target_parse(struct iq_addr *peer, const char *text)
{
    const char *at = strchr(text, '@');
    struct iq_id id;

    *peer = (struct iq_addr){0};
    if (at != NULL) {
        return read_id_and_addrs(peer, text, at);
    }
    if (iq_id_parse(&id, text) == 0) {
        report_usage("an id alone does not say where: ID@ADDR:PORT, or a ticket");
        return EXIT_USAGE;
    }
    return read_ticket(peer, text);
}

/*
 * Whom to call, as a person writes it: a ticket, or ID@ADDR:PORT with more addresses behind commas.
 */
#ifndef TARGET_H
#define TARGET_H

#include <iq/iq.h>

/* 0, or EXIT_USAGE after one line that says where the mistake is. */
int target_parse(struct iq_addr *peer, const char *text);

/* As iq_socket_addr_parse(), with names of interfaces too: "[fe80::7%eth0]:4433". */
int target_addr_parse(struct iq_socket_addr *addr, const char *text);

#endif

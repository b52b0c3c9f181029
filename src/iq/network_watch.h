/*
 * Tells when the addresses or the routes of this machine change.
 *
 * One of two files is behind it: network_watch_linux.c asks the kernel, network_watch_none.c is for
 * other systems, where programs call iq_endpoint_network_changed() themselves.
 */
#ifndef IQ_NETWORK_WATCH_H
#define IQ_NETWORK_WATCH_H

#include <stdbool.h>

/* A file that becomes readable when something changes; -1 if the system tells nobody, or not us. */
int iq_network_watch_open(void);
void iq_network_watch_close(int fd); /* -1 is nothing */

/* Reads all that was told.  Whether anything was. */
bool iq_network_watch_read(int fd);

#endif

/* Systems that are not asked about their network. */
#include "network_watch.h"

int iq_network_watch_open(void) { return -1; }

void iq_network_watch_close(int fd) {}

bool iq_network_watch_read(int fd) { return false; }

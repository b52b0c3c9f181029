/*
 * The command line: what a person asked for, and how the program ends.
 *
 * Every command is a function that takes the options and returns an exit status.  Whoever finds a
 * mistake tells it in one line, and returns the status that goes with it.
 */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>
#include <stdint.h>

#include <iq/iq.h>

#include "report.h"

/* The end of --help and the man page say the same. */
enum exit_status {
    EXIT_FINE = 0,
    EXIT_NO_ECHO = 1,    /* the connection was lost, or the echo differs */
    EXIT_USAGE = 2,      /* the command line is wrong */
    EXIT_LOCAL = 3,      /* cannot bind, read, write, or use the key */
    EXIT_NO_CONNECT = 4, /* nobody answers, or not the one who was called */
    EXIT_BY_SIGNAL = 128 /* and the signal's number */
};

struct options {
    enum report_mode mode;
    const char *key_path; /* NULL: IROH_SECRET, or a fresh key */
    const char *qlog_dir; /* NULL: none */
    uint32_t idle_timeout_ms;

    /* listen */
    char bind[IQ_BIND_MAX][IQ_SOCKET_ADDR_STR_SIZE]; /* "" after the last */
    bool once;
    bool http3;
    const char *cert_path; /* NULL: one that signs itself */
    const char *cert_key_path;

    /* connect */
    struct iq_addr peer;
    const char *text; /* NULL: standard input */
    uint32_t connect_timeout_ms;
};

/* Returns the exit status. */
int cli_main(int argc, char **argv);

#endif

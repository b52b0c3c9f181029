/* What echo --help says; docs/echo.1 says the same at more length. */
#include "help.h"

#include <stdio.h>

static const char commands[] =
    "echo sends bytes to another machine and back, over QUIC, to a peer that is known by its key.\n"
    "\n"
    "  echo                                   the demo: both sides in one process\n"
    "  echo listen [--bind ADDR:PORT]...      sends back whatever arrives\n"
    "  echo connect TICKET [TEXT]             sends TEXT, or standard input, and prints what\n"
    "  echo connect ID@ADDR:PORT,... [TEXT]   comes back\n"
    "  echo id --key FILE                     prints the id of a key\n"
    "\n";

static const char options[] =
    "listen:\n"
    "      --bind ADDR:PORT   where to listen, up to 4 times; port 0 is any (default: everywhere)\n"
    "      --once             ends after the first connection\n"
    "      --http3            echoes over HTTP/3 too: POST /echo, and GET / tells more\n"
    "      --cert FILE        the certificate that HTTP/3 clients see, and\n"
    "      --cert-key FILE    its key, both PEM (default: one that the echo signs itself)\n"
    "connect:\n"
    "      --timeout SECONDS  how long to wait for an answer to the call (30)\n"
    "listen and connect:\n"
    "      --idle-timeout SECONDS\n"
    "                         how long a silent peer counts as alive (30)\n"
    "      --qlog DIR         a qlog file in DIR for each connection, for qvis\n"
    "all:\n"
    "      --key FILE         the secret key, 64 hex digits; made if there is no such file\n"
    "  -q, --quiet            no progress, and no lines for connections\n"
    "  -v, --verbose          a line on standard error for each event of a connection\n"
    "      --json             a JSON object in a line for each event: connect writes them to\n"
    "                         standard error, the others to standard output\n"
    "  -h, --help\n"
    "  -V, --version\n"
    "\n";

static const char surroundings[] =
    "Environment:\n"
    "  IROH_SECRET    the secret key, unless there is --key; without both, a fresh one\n"
    "  SSLKEYLOGFILE  where to add the TLS secrets, for Wireshark: with them anyone can read "
    "along\n"
    "\n"
    "Exit status:\n"
    "  0    every byte came back; listen: ended by a signal, or with --once by the peer's close\n"
    "  1    no echo, or not all of it: the connection was lost, or the peer answered wrongly\n"
    "  2    the command line is wrong\n"
    "  3    cannot bind, or read or write a file, a key, standard input or standard output\n"
    "  4    cannot connect: no route, no answer, refused, or the peer has another id\n"
    "  130  interrupted (SIGINT) before the end; 143 the same by SIGTERM\n";

void help_print(void)
{
    (void)fputs(commands, stdout);
    (void)fputs(options, stdout);
    (void)fputs(surroundings, stdout);
}

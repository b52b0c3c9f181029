/* The command line. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <iq/ticket.h>

#define SECONDS_MAX 1e9

static bool read_mode(struct options *options, const char *text)
{
    static const char *const names[] = {
        [DOWNLOAD] = "download", [UPLOAD] = "upload", [BIDI] = "bidi", [PING] = "ping"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            options->mode = (enum mode)i;
            return true;
        }
    }
    fprintf(stderr, "transfer: '%s' is no mode: download, upload, bidi or ping\n", text);
    return false;
}

static bool read_size(struct options *options, const char *text)
{
    errno = 0;
    options->length = (struct length){LENGTH_BYTES, strtoull(text, NULL, 10)};
    if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0' || errno != 0) {
        fprintf(stderr, "transfer: '%s' is not a number of bytes\n", text);
        return false;
    }
    return true;
}

static bool read_duration(struct options *options, const char *text)
{
    char *end;
    const double seconds = strtod(text, &end);

    if (text[strspn(text, "0123456789.")] != '\0' || *end != '\0' || seconds < 1e-6 ||
        seconds > SECONDS_MAX) {
        fprintf(stderr,
                "transfer: '%s' is not a number of seconds, from a microsecond to 30 years\n",
                text);
        return false;
    }
    options->length = (struct length){LENGTH_MICROSECONDS, (uint64_t)(seconds * 1e6)};
    return true;
}

static bool read_ticket(struct options *options, const char *text)
{
    struct iq_ticket_mistake mistake = {.what = iq_strerror(IQ_ERR_NOMEM)};
    struct iq_ticket *ticket;

    if (iq_ticket_parse(&ticket, text, &mistake) != 0) {
        fprintf(stderr, "transfer: not a ticket, character %zu: %s\n", mistake.where + 1,
                mistake.what);
        return false;
    }
    options->peer = *iq_ticket_addr(ticket);
    iq_ticket_free(ticket);
    return true;
}

static bool read_option(struct options *options, int name)
{
    switch (name) {
    case 'm':
        return read_mode(options, optarg);
    case 's':
        return read_size(options, optarg);
    case 'd':
        return read_duration(options, optarg);
    default:
        return false; /* getopt has said it */
    }
}

/* Behind the options is what to do. */
static bool read_command(struct options *options, int option_count, int argc, char **argv)
{
    options->provides = argc == 1 && option_count == 0 && strcmp(argv[0], "provide") == 0;
    if (options->provides) {
        return true;
    }
    if (argc != 2 || strcmp(argv[0], "fetch") != 0) {
        fprintf(stderr, "usage: transfer provide, or transfer fetch TICKET [--mode "
                        "download|upload|bidi|ping] [--size BYTES | --duration SECONDS]\n");
        return false;
    }
    if (options->mode == PING && options->length.unit == LENGTH_BYTES) {
        fprintf(stderr, "transfer: a ping has no --size, only a --duration\n");
        return false;
    }
    return read_ticket(options, argv[1]);
}

bool options_read(struct options *options, int argc, char **argv)
{
    static const struct option names[] = {{"mode", required_argument, NULL, 'm'},
                                          {"size", required_argument, NULL, 's'},
                                          {"duration", required_argument, NULL, 'd'},
                                          {0}};
    int option_count = 0, limit_count = 0, name;

    *options = (struct options){.length = {LENGTH_MICROSECONDS, 10000000}};
    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (!read_option(options, name)) {
            return false;
        }
        option_count++;
        limit_count += name == 's' || name == 'd';
    }
    if (limit_count > 1) {
        fprintf(stderr, "transfer: either --size or --duration, and once\n");
        return false;
    }
    return read_command(options, option_count, argc - optind, argv + optind);
}

/*
 * Reads the command line, and hands over to the command.
 *
 * Options may stand anywhere before "--", in front of the command too.  Each mistake is told in one
 * line that says what would be right.
 */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "connect.h"
#include "help.h"
#include "key_file.h"
#include "listen.h"
#include "std_fds.h"
#include "target.h"

#define SECONDS_MAX 86400

/* Above all characters: getopt says which option is wrong by these numbers or by a character. */
enum option_id {
    OPT_BIND = 256,
    OPT_CERT,
    OPT_CERT_KEY,
    OPT_HELP,
    OPT_HTTP3,
    OPT_IDLE_TIMEOUT,
    OPT_JSON,
    OPT_KEY,
    OPT_ONCE,
    OPT_QLOG,
    OPT_QUIET,
    OPT_TIMEOUT,
    OPT_VERBOSE,
    OPT_VERSION,
    OPT_END
};

#define BIT(id) (1U << ((id)-OPT_BIND))

static const struct option long_options[] = {
    {"bind", required_argument, NULL, OPT_BIND},
    {"cert", required_argument, NULL, OPT_CERT},
    {"cert-key", required_argument, NULL, OPT_CERT_KEY},
    {"help", no_argument, NULL, OPT_HELP},
    {"http3", no_argument, NULL, OPT_HTTP3},
    {"idle-timeout", required_argument, NULL, OPT_IDLE_TIMEOUT},
    {"json", no_argument, NULL, OPT_JSON},
    {"key", required_argument, NULL, OPT_KEY},
    {"once", no_argument, NULL, OPT_ONCE},
    {"qlog", required_argument, NULL, OPT_QLOG},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"verbose", no_argument, NULL, OPT_VERBOSE},
    {"version", no_argument, NULL, OPT_VERSION},
    {0},
};

static const char short_options[] = ":hqvV";

/* What value an option above takes, if it takes one. */
static const char *value_name(int id)
{
    switch (id) {
    case OPT_BIND:
        return "ADDR:PORT";
    case OPT_CERT:
    case OPT_CERT_KEY:
    case OPT_KEY:
        return "a FILE";
    case OPT_QLOG:
        return "a DIR";
    default:
        return "SECONDS";
    }
}

struct command {
    const char *name;
    int (*read_arguments)(struct options *options, char **arguments);
    int (*run)(const struct options *options);
    unsigned int takes; /* the options besides --help and --version */
    bool data_on_stdout;
};

#define COMMON (BIT(OPT_JSON) | BIT(OPT_KEY) | BIT(OPT_QUIET) | BIT(OPT_VERBOSE))
#define ONLINE (COMMON | BIT(OPT_IDLE_TIMEOUT) | BIT(OPT_QLOG))

#define LISTEN (BIT(OPT_BIND) | BIT(OPT_ONCE) | BIT(OPT_HTTP3) | BIT(OPT_CERT) | BIT(OPT_CERT_KEY))

static int no_arguments(struct options *options, char **arguments);
static int peer_and_text(struct options *options, char **arguments);

static const struct command commands[] = {
    {"listen", no_arguments, listen_run, ONLINE | LISTEN, false},
    {"connect", peer_and_text, connect_run, ONLINE | BIT(OPT_TIMEOUT), true},
    {"id", no_arguments, key_file_run, COMMON, false},
};

/* Values */

static int read_seconds(uint32_t *ms, const char *name, const char *text)
{
    char *end;
    const double seconds = strtod(text, &end);

    if (end == text || *end != '\0' || !(seconds >= 0.001 && seconds <= SECONDS_MAX)) {
        report_usage("--%s: \"%s\" is no time: a number of seconds from 0.001 to %d", name, text,
                     SECONDS_MAX);
        return EXIT_USAGE;
    }
    *ms = (uint32_t)(seconds * 1000 + 0.5);
    return EXIT_FINE;
}

static int read_bind(struct options *options, const char *text)
{
    struct iq_socket_addr addr;
    size_t i = 0;

    while (i < IQ_BIND_MAX && options->bind[i][0] != '\0') {
        i++;
    }
    if (i == IQ_BIND_MAX) {
        report_usage("--bind: \"%s\" is one too many: %d addresses at most", text, IQ_BIND_MAX);
        return EXIT_USAGE;
    }
    if (target_addr_parse(&addr, text) != 0) {
        report_usage("--bind: \"%s\" is no address: ADDR:PORT such as 0.0.0.0:4433 or [::1]:0",
                     text);
        return EXIT_USAGE;
    }
    (void)iq_socket_addr_str(&addr, options->bind[i]);
    return EXIT_FINE;
}

/* Options */

static const char *option_name(int id)
{
    const struct option *option;

    for (option = long_options; option->name != NULL; option++) {
        if (option->val == id) {
            return option->name;
        }
    }
    return "";
}

/* What getopt_long() found wrong: `found` is ':' or '?'. */
static int refuse_option(int found, char **argv)
{
    if (found == ':') {
        report_usage("option --%s needs %s", option_name(optopt), value_name(optopt));
    } else if (optopt >= OPT_BIND) {
        report_usage("option --%s takes no value", option_name(optopt));
    } else if (optopt != 0) {
        report_usage("unknown option -%c (see echo --help)", optopt);
    } else {
        report_usage("unknown option %s (see echo --help)", argv[optind - 1]);
    }
    return EXIT_USAGE;
}

static int set_mode(struct options *options, enum report_mode mode)
{
    if (options->mode != REPORT_HUMAN && options->mode != mode) {
        report_usage("--json, --quiet and --verbose exclude one another");
        return EXIT_USAGE;
    }
    options->mode = mode;
    return EXIT_FINE;
}

static int read_option(struct options *options, int id)
{
    switch (id) {
    case OPT_BIND:
        return read_bind(options, optarg);
    case OPT_IDLE_TIMEOUT:
        return read_seconds(&options->idle_timeout_ms, option_name(id), optarg);
    case OPT_TIMEOUT:
        return read_seconds(&options->connect_timeout_ms, option_name(id), optarg);
    case OPT_JSON:
        return set_mode(options, REPORT_JSON);
    case OPT_QUIET:
        return set_mode(options, REPORT_QUIET);
    case OPT_VERBOSE:
        return set_mode(options, REPORT_VERBOSE);
    case OPT_KEY:
        options->key_path = optarg;
        return EXIT_FINE;
    case OPT_QLOG:
        options->qlog_dir = optarg;
        return EXIT_FINE;
    case OPT_ONCE:
        options->once = true;
        return EXIT_FINE;
    case OPT_HTTP3:
        options->http3 = true;
        return EXIT_FINE;
    case OPT_CERT:
        options->cert_path = optarg;
        return EXIT_FINE;
    case OPT_CERT_KEY:
        options->cert_key_path = optarg;
        return EXIT_FINE;
    default: /* --help and --version: that they are given is all */
        return EXIT_FINE;
    }
}

static int long_form(int found)
{
    switch (found) {
    case 'h':
        return OPT_HELP;
    case 'q':
        return OPT_QUIET;
    case 'v':
        return OPT_VERBOSE;
    case 'V':
        return OPT_VERSION;
    default:
        return found;
    }
}

/* Leaves what is no option at the end of `argv`, from optind on. */
static int read_options(struct options *options, unsigned int *given, int argc, char **argv)
{
    int found;

    opterr = 0;
    while ((found = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
        const int id = long_form(found);

        if (id == '?' || id == ':') {
            return refuse_option(id, argv);
        }
        *given |= BIT(id);
        if (read_option(options, id) != EXIT_FINE) {
            return EXIT_USAGE;
        }
    }
    return EXIT_FINE;
}

/* Arguments */

static int no_arguments(struct options *options, char **arguments)
{
    if (arguments[0] != NULL) {
        report_usage("\"%s\" is superfluous: this command takes options only", arguments[0]);
        return EXIT_USAGE;
    }
    return EXIT_FINE;
}

static int peer_and_text(struct options *options, char **arguments)
{
    if (arguments[0] == NULL) {
        report_usage("connect needs a TICKET or ID@ADDR:PORT, as listen prints them");
        return EXIT_USAGE;
    }
    if (arguments[1] != NULL && arguments[2] != NULL) {
        report_usage("\"%s\" is superfluous: connect takes one text, in quotes if it has blanks",
                     arguments[2]);
        return EXIT_USAGE;
    }
    options->text = arguments[1];
    return target_parse(&options->peer, arguments[0]);
}

static const struct command *find_command(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (name != NULL && strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

static int check_options(const struct command *command, unsigned int given)
{
    int id;

    for (id = OPT_BIND; id < OPT_END; id++) {
        if ((given & ~command->takes & BIT(id)) != 0) {
            report_usage("option --%s is not for %s (see echo --help)", option_name(id),
                         command->name);
            return EXIT_USAGE;
        }
    }
    return EXIT_FINE;
}

/* Options that only make sense together, or not together. */
static int check_http3(const struct options *options)
{
    if (options->http3 && options->once) {
        report_usage("--http3 and --once exclude one another");
        return EXIT_USAGE;
    }
    if (!options->http3 && (options->cert_path != NULL || options->cert_key_path != NULL)) {
        report_usage("--cert and --cert-key are for --http3");
        return EXIT_USAGE;
    }
    if ((options->cert_path == NULL) != (options->cert_key_path == NULL)) {
        report_usage("--cert and --cert-key belong together");
        return EXIT_USAGE;
    }
    return EXIT_FINE;
}

static int run_command(struct options *options, unsigned int given, char **arguments)
{
    const struct command *command = find_command(arguments[0]);

    if (arguments[0] == NULL) {
        report_usage("which command? It is listen, connect or id");
        return EXIT_USAGE;
    }
    if (command == NULL) {
        report_usage("unknown command \"%s\": it is listen, connect or id", arguments[0]);
        return EXIT_USAGE;
    }
    if (check_options(command, given) != EXIT_FINE || check_http3(options) != EXIT_FINE ||
        command->read_arguments(options, arguments + 1) != EXIT_FINE) {
        return EXIT_USAGE;
    }
    report_start(options->mode, command->data_on_stdout ? stderr : stdout);
    return command->run(options);
}

/* What could not be written is an error, whatever else went well. */
static int flush_stdout(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) {
        return status;
    }
    if (status == EXIT_FINE) {
        report_error(EXIT_LOCAL, "cannot write to standard output: %s", strerror(errno));
        return EXIT_LOCAL;
    }
    return status;
}

int cli_main(int argc, char **argv)
{
    struct options options = {.mode = REPORT_HUMAN};
    unsigned int given = 0;

    std_fds_reserve();
    (void)signal(SIGPIPE, SIG_IGN); /* a write that fails says so */
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    (void)setvbuf(stderr, NULL, _IOLBF, 0); /* a line is one write */

    if (read_options(&options, &given, argc, argv) != EXIT_FINE) {
        return EXIT_USAGE;
    }
    if ((given & BIT(OPT_HELP)) != 0) {
        help_print();
        return flush_stdout(EXIT_FINE);
    }
    if ((given & BIT(OPT_VERSION)) != 0) {
        (void)puts("echo " ECHO_VERSION);
        return flush_stdout(EXIT_FINE);
    }
    return flush_stdout(run_command(&options, given, argv + optind));
}

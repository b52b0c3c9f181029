/*
 * Key log and qlog files.
 *
 * The key log is added to, since several programs may share it; each line is one write.  A file
 * that can no longer be written is told once, and the echo goes on.
 */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_SIZE     128
#define KEY_LINE_SIZE 512 /* the longest has some 220 characters */

/* The process's own, as the environment and the command line are. */
static int key_log_fd = -1;
static int qlog_dir_fd = -1;
static bool told_of_failure;

static void tell_failure(const char *what)
{
    if (!told_of_failure) {
        told_of_failure = true;
        report_error(EXIT_LOCAL, "cannot write %s: %s; going on without", what, strerror(errno));
    }
}

/* The key log: "CLIENT_RANDOM ..." and so on, of which the library makes the lines. */

static void write_secret(const char *line, void *arg)
{
    char text[KEY_LINE_SIZE];
    const int len = snprintf(text, sizeof(text), "%s\n", line);

    if (len < (int)sizeof(text) && write(key_log_fd, text, (size_t)len) != len) {
        tell_failure("SSLKEYLOGFILE");
    }
}

static void start_key_log(struct iq_endpoint_config *config)
{
    const char *path = getenv("SSLKEYLOGFILE");

    if (path == NULL || path[0] == '\0') {
        return;
    }
    key_log_fd =
        open(path, O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC | O_NONBLOCK, S_IRUSR | S_IWUSR);
    if (key_log_fd == -1) { /* it may have been meant for another program */
        report_error(EXIT_LOCAL, "SSLKEYLOGFILE %s: %s; going on without", path, strerror(errno));
        return;
    }
    config->on_secret = write_secret;
}

/* qlog: a file for each connection, which ends when the connection has gone. */

static void *open_qlog(const char *name, void *arg)
{
    char file_name[NAME_SIZE];
    FILE *file = NULL;
    int fd;

    (void)snprintf(file_name, sizeof(file_name), "%s.sqlog", name);
    fd = openat(qlog_dir_fd, file_name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC,
                S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH);
    if (fd != -1) {
        file = fdopen(fd, "w");
    }
    if (file == NULL) {
        tell_failure("a qlog file");
    }
    return file;
}

static void write_qlog(void *file, const void *data, size_t len)
{
    if (fwrite(data, 1, len, file) != len) {
        tell_failure("a qlog file");
    }
}

static void close_qlog(void *file)
{
    if (fclose(file) != 0) {
        tell_failure("a qlog file");
    }
}

int trace_start(struct iq_endpoint_config *config, const struct options *options)
{
    static const struct iq_qlog qlog = {
        .open = open_qlog, .write = write_qlog, .close = close_qlog};

    if (options->qlog_dir != NULL) {
        qlog_dir_fd = open(options->qlog_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (qlog_dir_fd == -1) {
            report_error(EXIT_LOCAL, "--qlog %s: %s", options->qlog_dir, strerror(errno));
            return EXIT_LOCAL;
        }
        config->qlog = &qlog;
    }
    start_key_log(config);
    return EXIT_FINE;
}

void trace_end(void)
{
    if (key_log_fd != -1) {
        (void)close(key_log_fd);
    }
    if (qlog_dir_fd != -1) {
        (void)close(qlog_dir_fd);
    }
}

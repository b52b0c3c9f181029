/*
 * Reads and makes key files.
 *
 * Whoever reads the file can be us, so one that others may read or write is refused: its key is to
 * be thought of as known.  No copy of a key outlives the function that made it.
 */
#include "key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEX_LEN (2 * (size_t)IQ_KEY_LEN)

/* A volatile pointer: the compiler cannot leave this out. */
static void wipe(void *data, size_t len)
{
    volatile unsigned char *byte = data;

    while (len-- > 0) {
        *byte++ = 0;
    }
}

static int refuse(const char *path, const char *why)
{
    report_error(EXIT_LOCAL, "key file %s: %s", path, why);
    return EXIT_LOCAL;
}

/* Reading */

static int check_file(int fd, const char *path)
{
    struct stat status;

    if (fstat(fd, &status) != 0) {
        return refuse(path, strerror(errno));
    }
    if (!S_ISREG(status.st_mode)) {
        return refuse(path, "not a regular file");
    }
    if ((status.st_mode & (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)) != 0) {
        return refuse(path, "others can read or write it; chmod 600 is right, for a new key");
    }
    return EXIT_FINE;
}

/* Fills `text` as far as the file goes. */
static ssize_t read_all(int fd, char *text, size_t size)
{
    size_t len = 0;

    while (len < size) {
        const ssize_t got = read(fd, text + len, size - len);

        if (got == 0) {
            break;
        }
        if (got == -1 && errno != EINTR) {
            return -1;
        }
        len += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)len;
}

static int read_key(struct iq_secret_key *key, int fd, const char *path)
{
    char text[HEX_LEN + 3]; /* "\r\n", or one more that is too many */
    const ssize_t len = read_all(fd, text, sizeof(text));
    size_t digits = len == -1 ? 0 : (size_t)len;
    int rc = IQ_ERR_INVALID_KEY;

    if (len == -1) {
        return refuse(path, strerror(errno));
    }
    if (digits > 0 && text[digits - 1] == '\n') {
        digits--;
    }
    if (digits == HEX_LEN) {
        text[digits] = '\0';
        rc = iq_secret_key_parse(key, text);
    }
    wipe(text, sizeof(text));
    return rc == 0 ? EXIT_FINE : refuse(path, "no key: it must hold 64 lower-case hex digits");
}

/* Making */

static int write_key(const struct iq_secret_key *key, int fd)
{
    char text[HEX_LEN + 2];
    ssize_t wrote;
    size_t i;

    for (i = 0; i < IQ_KEY_LEN; i++) {
        (void)snprintf(text + 2 * i, sizeof(text) - 2 * i, "%02x", key->seed[i]);
    }
    text[HEX_LEN] = '\n';
    wrote = write(fd, text, HEX_LEN + 1);
    wipe(text, sizeof(text));
    if (wrote != (ssize_t)(HEX_LEN + 1)) {
        errno = wrote == -1 ? errno : ENOSPC;
        return -1;
    }
    return fsync(fd);
}

static int make_key(struct iq_secret_key *key, int fd, const char *path)
{
    iq_secret_key_generate(key);
    if (write_key(key, fd) != 0) {
        const int error = errno;

        iq_secret_key_wipe(key);
        (void)unlink(path); /* else it would be taken for a wrong one next time */
        return refuse(path, strerror(error));
    }
    report_note("made a new key, %s", path);
    return EXIT_FINE;
}

static int use_file(struct iq_secret_key *key, const char *path)
{
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, S_IRUSR | S_IWUSR);
    int status;

    if (fd != -1) {
        status = make_key(key, fd, path);
        (void)close(fd);
        return status;
    }
    if (errno != EEXIST || (fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1) {
        return refuse(path, strerror(errno));
    }
    status = check_file(fd, path);
    if (status == EXIT_FINE) {
        status = read_key(key, fd, path);
    }
    (void)close(fd);
    return status;
}

/* The commands' side */

int key_file_find(struct iq_secret_key *key, bool *found, const struct options *options)
{
    const char *secret = getenv("IROH_SECRET");

    *found = true;
    if (options->key_path != NULL) {
        return use_file(key, options->key_path);
    }
    if (secret == NULL) {
        *found = false;
        return EXIT_FINE;
    }
    if (iq_secret_key_parse(key, secret) != 0) {
        report_error(EXIT_LOCAL,
                     "IROH_SECRET: no key: it must be 64 lower-case hex digits, or 52 of base32");
        return EXIT_LOCAL;
    }
    return EXIT_FINE;
}

int key_file_run(const struct options *options)
{
    struct iq_secret_key key;
    char text[IQ_ID_STR_SIZE];
    bool found;
    const int status = key_file_find(&key, &found, options);

    if (status != EXIT_FINE) {
        return status;
    }
    if (!found) {
        report_usage("id needs --key FILE, or a key in IROH_SECRET");
        return EXIT_USAGE;
    }
    (void)iq_id_str(iq_secret_key_id(&key), text);
    iq_secret_key_wipe(&key);
    if (report_is_json()) {
        report_json_begin("id");
        report_json_string("id", text);
        report_json_end();
    } else {
        (void)puts(text);
    }
    return EXIT_FINE;
}

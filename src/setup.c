/* Makes the endpoint of a command: its key, its addresses, its time-outs and its traces. */
#include "setup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "key_file.h"
#include "trace.h"

#define KEEP_ALIVE_MAX_MS 5000   /* the default */
#define TEXT_FILE_MAX     262144 /* more than any chain of certificates */

/* The addresses as they were bound, for an error. */
static const char *list_binds(const struct options *options, char *text, size_t size)
{
    size_t len = 0, i;

    text[0] = '\0';
    for (i = 0; i < IQ_BIND_MAX && options->bind[i][0] != '\0'; i++) {
        len +=
            (size_t)snprintf(text + len, size - len, "%s%s", i == 0 ? " " : ", ", options->bind[i]);
    }
    return text;
}

static int bind_endpoint(struct iq_endpoint **endpoint, struct ev_loop *loop,
                         const struct iq_endpoint_config *config, const struct options *options)
{
    const int rc = iq_endpoint_bind(endpoint, loop, config);

    if (rc == IQ_ERR_INVALID_CERT) {
        report_error(EXIT_LOCAL, "%s and %s: %s", options->cert_path, options->cert_key_path,
                     iq_strerror(rc));
        return EXIT_LOCAL;
    }
    if (rc != 0) {
        char binds[IQ_BIND_MAX * (IQ_SOCKET_ADDR_STR_SIZE + 2)];

        report_error(EXIT_LOCAL, "cannot bind%s: %s", list_binds(options, binds, sizeof(binds)),
                     iq_strerror(rc));
        return EXIT_LOCAL;
    }
    return EXIT_FINE;
}

/* Reads a text file; NULL after one line that says why not. */
static char *read_text(const char *path)
{
    char *text = malloc(TEXT_FILE_MAX + 1);
    FILE *file = fopen(path, "r");
    size_t len = 0;
    bool done = text != NULL && file != NULL;

    if (done) {
        errno = EFBIG;
        len = fread(text, 1, TEXT_FILE_MAX + 1, file);
        done = !ferror(file) && len <= TEXT_FILE_MAX;
    }
    if (!done) {
        report_error(EXIT_LOCAL, "cannot read %s: %s", path, strerror(errno));
        free(text);
        text = NULL;
    } else {
        text[len] = '\0';
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return text;
}

/* The files of --cert and --cert-key, as PEM text. */
struct cert_texts {
    char *cert;
    char *key;
};

static int read_cert(struct cert_texts *texts, struct iq_endpoint_config *config,
                     const struct options *options)
{
    if (options->cert_path == NULL) {
        return EXIT_FINE;
    }
    config->certificate = texts->cert = read_text(options->cert_path);
    if (texts->cert == NULL) {
        return EXIT_LOCAL;
    }
    config->certificate_key = texts->key = read_text(options->cert_key_path);
    return texts->key == NULL ? EXIT_LOCAL : EXIT_FINE;
}

/* The library has its own copy, or needs none. */
static void forget_cert(struct cert_texts *texts)
{
    if (texts->key != NULL) {
        memset(texts->key, 0, strlen(texts->key));
    }
    free(texts->key);
    free(texts->cert);
}

/* Often enough that a connection on which nobody speaks does not time out; 0: the default. */
static uint32_t keep_alive_ms(uint32_t idle_timeout_ms)
{
    const uint32_t third = idle_timeout_ms / 3 + 1;

    return idle_timeout_ms != 0 && third < KEEP_ALIVE_MAX_MS ? third : 0;
}

int setup_endpoint(struct iq_endpoint **endpoint, struct ev_loop *loop,
                   const struct options *options)
{
    struct iq_endpoint_config config = {
        .idle_timeout_ms = options->idle_timeout_ms,
        .keep_alive_ms = keep_alive_ms(options->idle_timeout_ms),
    };
    struct cert_texts texts = {0};
    struct iq_secret_key key;
    bool has_key;
    size_t i;
    int status = trace_start(&config, options);

    if (status == EXIT_FINE) {
        status = key_file_find(&key, &has_key, options);
    }
    if (status != EXIT_FINE) {
        return status;
    }
    for (i = 0; i < IQ_BIND_MAX && options->bind[i][0] != '\0'; i++) {
        config.bind[i] = options->bind[i];
    }
    config.secret_key = has_key ? &key : NULL;
    status = read_cert(&texts, &config, options);
    if (status == EXIT_FINE) {
        status = bind_endpoint(endpoint, loop, &config, options);
    }
    forget_cert(&texts);
    if (has_key) {
        iq_secret_key_wipe(&key);
    }
    return status;
}

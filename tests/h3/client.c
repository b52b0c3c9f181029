/*
 * An HTTP/3 client on libcurl, which others wrote.
 *
 *     client [OPTION]... URL
 *
 *     -X METHOD   GET unless told
 *     -d FILE     the body, for each request
 *     -c          without a content-length
 *     -H HEADER   "name: value"
 *     -o PREFIX   where bodies go: PREFIX.0 and so on
 *     -n COUNT    so many requests at once, on one connection
 *     -a BYTES    gives up after so many of the body are sent
 *     -p BYTES    stops reading after so many, until nothing can be sent any more; then reads on
 *     -C FILE     the certificate that the server must show; without it any will do
 *
 * Each request prints a line: its status, the bytes sent, the bytes received.  With -p a line comes
 * before: the bytes that could be sent until then.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#define STILL_MS 1000 /* nothing has moved for so long: nothing will */

static struct options {
    const char *method, *body, *out, *cert, *url;
    struct curl_slist *headers;
    long count;
    uint64_t abort_at, pause_at;
    bool chunked;
} options = {.method = "GET", .count = 1};

struct transfer {
    CURL *easy;
    FILE *in, *out;
    uint64_t sent, received;
    bool paused, was_paused;
};

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "client: %s: %s\n", what, why);
    exit(1);
}

static size_t read_body(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;
    const size_t len = fread(data, 1, size * count, transfer->in);

    if (options.abort_at != 0 && transfer->sent >= options.abort_at) {
        return CURL_READFUNC_ABORT;
    }
    transfer->sent += len;
    return len;
}

static size_t write_body(char *data, size_t size, size_t count, void *arg)
{
    struct transfer *transfer = arg;

    if (options.pause_at != 0 && transfer->received >= options.pause_at && !transfer->was_paused) {
        transfer->paused = transfer->was_paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    transfer->received += size * count;
    return transfer->out == NULL ? size * count : fwrite(data, 1, size * count, transfer->out);
}

static FILE *open_file(const char *name, const char *mode)
{
    FILE *file = fopen(name, mode);

    if (file == NULL) {
        fail("cannot open", name);
    }
    return file;
}

static void set_body(struct transfer *transfer)
{
    long len;

    transfer->in = open_file(options.body, "r");
    (void)fseek(transfer->in, 0, SEEK_END);
    len = ftell(transfer->in);
    rewind(transfer->in);
    curl_easy_setopt(transfer->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(transfer->easy, CURLOPT_READFUNCTION, read_body);
    curl_easy_setopt(transfer->easy, CURLOPT_READDATA, transfer);
    curl_easy_setopt(transfer->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     options.chunked ? (curl_off_t)-1 : (curl_off_t)len);
}

static void start(struct transfer *transfer, CURLM *multi, long number)
{
    CURL *easy = transfer->easy = curl_easy_init();
    char name[4096];

    if (options.out != NULL) {
        (void)snprintf(name, sizeof(name), "%s.%ld", options.out, number);
        transfer->out = open_file(name, "w");
    }
    if (options.body != NULL) {
        set_body(transfer);
    }
    if (strcmp(options.method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, options.method);
    curl_easy_setopt(easy, CURLOPT_URL, options.url);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_3ONLY);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, options.headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, write_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, options.cert == NULL ? 0L : 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, options.cert == NULL ? 0L : 2L);
    curl_easy_setopt(easy, CURLOPT_CAINFO, options.cert);
    if (getenv("CLIENT_VERBOSE") != NULL) {
        curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);
    }
    curl_multi_add_handle(multi, easy);
}

/* Goes on once everything stands still. */
static void watch_pause(struct transfer *transfer)
{
    static uint64_t sent_before;
    static int still_ms;

    if (!transfer->paused) {
        return;
    }
    still_ms = transfer->sent == sent_before ? still_ms + 100 : 0;
    sent_before = transfer->sent;
    if (still_ms >= STILL_MS) {
        printf("stopped %" PRIu64 "\n", transfer->sent);
        (void)fflush(stdout);
        transfer->paused = false;
        curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
    }
}

static void run(CURLM *multi, struct transfer *first)
{
    int running = 1;

    while (running > 0) {
        if (curl_multi_perform(multi, &running) != CURLM_OK) {
            fail(options.url, "curl_multi_perform");
        }
        if (running > 0) {
            curl_multi_poll(multi, NULL, 0, first->paused ? 100 : 1000, NULL);
        }
        watch_pause(first);
    }
}

/* Returns how many have failed. */
static int report(CURLM *multi)
{
    long connections = 0, more, status, version;
    struct transfer *transfer;
    CURLMsg *message;
    int left, failed = 0;

    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        curl_easy_getinfo(message->easy_handle, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(message->easy_handle, CURLINFO_HTTP_VERSION, &version);
        curl_easy_getinfo(message->easy_handle, CURLINFO_NUM_CONNECTS, &more);
        connections += more;
        if (message->data.result != CURLE_OK) {
            fprintf(stderr, "client: %s\n", curl_easy_strerror(message->data.result));
            failed++;
        } else if (version != CURL_HTTP_VERSION_3) {
            fail(options.url, "not HTTP/3");
        }
        printf("%ld %" PRIu64 " %" PRIu64 "\n", status, transfer->sent, transfer->received);
        if (transfer->out != NULL) {
            (void)fclose(transfer->out);
        }
    }
    if (connections != 1) {
        fail(options.url, "not one connection");
    }
    return failed;
}

static void read_options(int argc, char **argv)
{
    int option;

    while ((option = getopt(argc, argv, "X:d:cH:o:n:a:p:C:")) != -1) {
        switch (option) {
        case 'X':
            options.method = optarg;
            break;
        case 'd':
            options.body = optarg;
            break;
        case 'c':
            options.chunked = true;
            break;
        case 'H':
            options.headers = curl_slist_append(options.headers, optarg);
            break;
        case 'o':
            options.out = optarg;
            break;
        case 'n':
            options.count = strtol(optarg, NULL, 10);
            break;
        case 'a':
            options.abort_at = strtoull(optarg, NULL, 10);
            break;
        case 'p':
            options.pause_at = strtoull(optarg, NULL, 10);
            break;
        case 'C':
            options.cert = optarg;
            break;
        default:
            exit(2);
        }
    }
    options.url = argv[optind];
}

int main(int argc, char **argv)
{
    struct transfer *transfers;
    CURLM *multi;
    int failed;
    long i;

    read_options(argc, argv);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    multi = curl_multi_init();
    transfers = calloc((size_t)options.count, sizeof(*transfers));
    for (i = 0; i < options.count; i++) {
        start(&transfers[i], multi, i);
    }
    run(multi, &transfers[0]);
    failed = report(multi);
    for (i = 0; i < options.count; i++) { /* the server is told that we are gone */
        curl_multi_remove_handle(multi, transfers[i].easy);
        curl_easy_cleanup(transfers[i].easy);
    }
    curl_multi_cleanup(multi);
    return failed == 0 ? 0 : 1;
}

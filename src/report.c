/*
 * Lines for people and for programs.
 *
 * The mode is the process's own, as its standard streams are: it is set once, before anything else
 * happens.
 */
#include "report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define LINE_SIZE 2048 /* a longer line is cut */

static enum report_mode report_mode;
static FILE *report_events;

void report_start(enum report_mode mode, FILE *events)
{
    report_mode = mode;
    report_events = events;
}

bool report_is_json(void) { return report_mode == REPORT_JSON; }

/* Plain text */

/* Whatever could move a cursor, change a colour or begin another line is shown by its number. */
static void print_safely(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;

        if (c < 0x20 || c >= 0x7f) {
            (void)fprintf(file, "\\x%02x", c);
        } else {
            (void)fputc(c, file);
        }
    }
}

static void print_line(const char *prefix, const char *text)
{
    (void)fputs(prefix, stderr);
    print_safely(stderr, text);
    (void)fputc('\n', stderr);
}

void report_note(const char *format, ...)
{
    char line[LINE_SIZE];
    va_list arguments;

    if (report_mode != REPORT_VERBOSE) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    print_line("* ", line);
}

void report_usage(const char *format, ...)
{
    char line[LINE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    print_line("echo: ", line);
}

void report_error(int status, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (!report_is_json() || ferror(report_events)) {
        print_line("echo: ", line);
        return;
    }
    report_json_begin("error");
    report_json_number("status", (uint64_t)status);
    report_json_string("message", line);
    report_json_end();
}

/* JSON, RFC 8259 */

/* Bytes above ASCII are escaped as if each were a character: so the line is always valid. */
static void print_json_text(const char *text)
{
    (void)fputc('"', report_events);
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\') {
            (void)fprintf(report_events, "\\%c", c);
        } else if (c < 0x20 || c >= 0x7f) {
            (void)fprintf(report_events, "\\u%04x", c);
        } else {
            (void)fputc(c, report_events);
        }
    }
    (void)fputc('"', report_events);
}

void report_json_begin(const char *event)
{
    if (report_is_json()) {
        (void)fprintf(report_events, "{\"event\":\"%s\"", event);
    }
}

void report_json_string(const char *name, const char *text)
{
    if (report_is_json()) {
        (void)fprintf(report_events, ",\"%s\":", name);
        print_json_text(text);
    }
}

void report_json_number(const char *name, uint64_t number)
{
    if (report_is_json()) {
        (void)fprintf(report_events, ",\"%s\":%" PRIu64, name, number);
    }
}

void report_json_list(const char *name, const char *const *texts, size_t count)
{
    size_t i;

    if (!report_is_json()) {
        return;
    }
    (void)fprintf(report_events, ",\"%s\":[", name);
    for (i = 0; i < count; i++) {
        (void)fputs(i == 0 ? "" : ",", report_events);
        print_json_text(texts[i]);
    }
    (void)fputc(']', report_events);
}

void report_json_end(void)
{
    if (report_is_json()) {
        (void)fputs("}\n", report_events);
        (void)fflush(report_events);
    }
}

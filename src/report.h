/*
 * What the program tells a person, or another program.
 *
 * Events go to standard output, unless that is for data: then to standard error.  In JSON each is
 * an object on a line of its own, errors too:
 *
 *     {"event":"copied","id":"3b6a27bc...","stream":0,"bytes":13}
 *
 * No text that is printed here can speak to a terminal, whoever chose it.
 */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum report_mode { REPORT_HUMAN, REPORT_QUIET, REPORT_VERBOSE, REPORT_JSON };

/* How to report, from now on.  `events` is stdout or stderr. */
void report_start(enum report_mode mode, FILE *events);

bool report_is_json(void);

/* A note for those who asked for more, on standard error: "* connected to ...". */
__attribute__((format(printf, 1, 2))) void report_note(const char *format, ...);

/* An error, and what would be right: one line, on standard error unless it is JSON. */
__attribute__((format(printf, 2, 3))) void report_error(int status, const char *format, ...);

/* A mistake in the command line: always plain text, since --json may be the mistake. */
__attribute__((format(printf, 1, 2))) void report_usage(const char *format, ...);

/* One JSON event, if it is JSON that is wanted: begin, any number of members, end. */
void report_json_begin(const char *event);
void report_json_string(const char *name, const char *text);
void report_json_number(const char *name, uint64_t number);
void report_json_list(const char *name, const char *const *texts, size_t count);
void report_json_end(void);

#endif

/* What the person at the keyboard wants of the example "transfer". */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <iq/addr.h>

#include "request.h"

enum mode { DOWNLOAD, UPLOAD, BIDI, PING };

struct options {
    bool provides; /* and then nothing else counts */
    struct iq_addr peer;
    enum mode mode;
    struct length length; /* in each direction */
};

/* Whether that worked; if not, one line on standard error tells why. */
bool options_read(struct options *options, int argc, char **argv);

#endif

/* What the error codes say to a person. */
#include "iq/error.h"

const char *iq_strerror(int error)
{
    switch (error) {
    case 0:
        return "no error";
#define X(name, value, text)                                                                       \
    case name:                                                                                     \
        return text;
        IQ_ERRORS(X)
#undef X
    }
    return "unknown error";
}

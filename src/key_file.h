/*
 * The secret key: from the file of --key, from IROH_SECRET, or none, which is a fresh one.
 *
 * A key file holds 64 lower-case hex digits and a newline, for nobody but its owner.
 */
#ifndef KEY_FILE_H
#define KEY_FILE_H

#include <iq/iq.h>

#include "cli.h"

/* Reads the key that the options or the environment name, and makes the file if there is none.
 * `found` tells whether there is a key to wipe.  An exit status. */
int key_file_find(struct iq_secret_key *key, bool *found, const struct options *options);

/* The command id.  An exit status. */
int key_file_run(const struct options *options);

#endif

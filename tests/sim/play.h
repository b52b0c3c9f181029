/*
 * Random play: two endpoints that do whatever the bytes of a sequence say, on a network that does
 * the same.
 *
 * There is no plot.  A model knows of each stream what was written, ended, reset and stopped, and
 * every callback is compared with it.  In the end the network heals and everybody reads: then both
 * sides must know the same, and all must close.
 *
 * A sequence is PLAY_HEAD_SIZE bytes, the circumstances, and then PLAY_OP_SIZE for each operation.
 * Every string of bytes is one, and every part of one: so a failing sequence is made shorter by
 * leaving operations out, and a fuzzer may turn any byte.
 */
#ifndef PLAY_H
#define PLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAY_HEAD_SIZE 2
#define PLAY_OP_SIZE   4
#define PLAY_OPS_MAX   200
#define PLAY_SIZE_MAX  (PLAY_HEAD_SIZE + PLAY_OPS_MAX * PLAY_OP_SIZE)

/* Plays the sequence; what fails ends the process.  More than PLAY_SIZE_MAX bytes are ignored. */
void play_run(const uint8_t *bytes, size_t len);

/* One line for the circumstances and for each operation, then the bytes for `sim_stories --play`.
 */
void play_print(const uint8_t *bytes, size_t len);

/* Fills in random sequence `number`; returns its length. */
size_t play_random(uint64_t number, uint8_t bytes[PLAY_SIZE_MAX]);

/* Plays those from `first` on in another process.  True if all ended well; else the one that did
 * not is made as short as that goes, played once more, and printed. */
bool play_many(uint64_t first, unsigned count);

/* Plays one in another process, and says how it ended. */
bool play_survives(const uint8_t *bytes, size_t len);

#endif

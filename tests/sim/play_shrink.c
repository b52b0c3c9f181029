/*
 * Many sequences, and what becomes of one that fails.
 *
 * They are played in a process of their own, because what fails may be an assertion, a sanitizer or
 * an endless loop.  Then ever smaller parts of the sequence are left out, as long as it still
 * fails.  Zeller and Hildebrandt, IEEE TSE 28(2), 2002: ddmin.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "play.h"
#include "seed.h"

#define TRIES_MAX 1000 /* to make a sequence shorter */

/* Of the processor, for one sequence; most take a thousandth.  It is not the clock's time, so a
 * busy machine does not matter. */
#define SECONDS_MAX 10

struct sequence {
    uint8_t bytes[PLAY_SIZE_MAX];
    size_t len;
};

size_t play_random(uint64_t number, uint8_t bytes[PLAY_SIZE_MAX])
{
    struct dice dice = {.state = number * 7};
    const size_t len = PLAY_HEAD_SIZE + dice_below(&dice, PLAY_OPS_MAX + 1) * PLAY_OP_SIZE;

    dice_fill(&dice, bytes, len);
    return len;
}

/* The test's handlers of signals, which report a failure of the test, stay behind. */
static void begin_process(bool quiet)
{
    static const int signals[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV};
    const struct rlimit none = {0, 0};
    const int null = quiet ? open("/dev/null", O_WRONLY) : -1;
    size_t i;

    for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        (void)signal(signals[i], SIG_DFL);
    }
    (void)setrlimit(RLIMIT_CORE, &none);
    if (null >= 0) {
        (void)dup2(null, STDERR_FILENO);
    }
}

static void limit_time(void)
{
    const struct itimerval limit = {.it_value.tv_sec = SECONDS_MAX};

    (void)setitimer(ITIMER_PROF, &limit, NULL);
}

static bool ends_well(pid_t process)
{
    int status = -1;

    return process > 0 && waitpid(process, &status, 0) == process && status == 0;
}

static bool survives(const struct sequence *sequence, bool quiet)
{
    pid_t process;

    fflush(NULL);
    process = fork();
    if (process == 0) {
        begin_process(quiet);
        limit_time();
        play_run(sequence->bytes, sequence->len);
        _exit(0);
    }
    return ends_well(process);
}

bool play_survives(const uint8_t *bytes, size_t len)
{
    struct sequence sequence = {.len = len < PLAY_SIZE_MAX ? len : PLAY_SIZE_MAX};

    memcpy(sequence.bytes, bytes, sequence.len);
    return survives(&sequence, false);
}

/* The sequence without `count` operations. */
static struct sequence without(const struct sequence *sequence, size_t first, size_t count)
{
    const size_t at = PLAY_HEAD_SIZE + first * PLAY_OP_SIZE, len = count * PLAY_OP_SIZE;
    struct sequence shorter = *sequence;

    shorter.len -= len;
    memmove(shorter.bytes + at, shorter.bytes + at + len, shorter.len - at);
    return shorter;
}

static size_t op_count(const struct sequence *sequence)
{
    return (sequence->len - PLAY_HEAD_SIZE) / PLAY_OP_SIZE;
}

/* Leaves out parts of `count` operations; returns whether any was of no account. */
static bool leave_out(struct sequence *sequence, size_t count, unsigned *tries)
{
    bool some = false;
    size_t first = 0;

    while (first + count <= op_count(sequence) && *tries < TRIES_MAX) {
        const struct sequence shorter = without(sequence, first, count);

        ++*tries;
        if (survives(&shorter, true)) {
            first += count;
        } else {
            *sequence = shorter;
            some = true;
        }
    }
    return some;
}

/* Then the bytes that do not matter are made zero, for those who read it. */
static void simplify(struct sequence *sequence, unsigned *tries)
{
    size_t at;

    for (at = 0; at < sequence->len && *tries < TRIES_MAX; at++) {
        struct sequence simpler = *sequence;
        const bool is_kind = at >= PLAY_HEAD_SIZE && (at - PLAY_HEAD_SIZE) % PLAY_OP_SIZE == 0;

        simpler.bytes[at] = 0;
        if (!is_kind && sequence->bytes[at] != 0 && (++*tries, !survives(&simpler, true))) {
            *sequence = simpler;
        }
    }
}

static void shrink(struct sequence *sequence)
{
    unsigned tries = 0;
    size_t count = op_count(sequence);

    while (count > 0 && tries < TRIES_MAX) {
        const bool again = leave_out(sequence, count, &tries) && count == 1;

        count = again ? 1 : count / 2;
    }
    simplify(sequence, &tries);
    fprintf(stderr, "%zu operations are left after %u tries\n", op_count(sequence), tries);
}

static void report(uint64_t number)
{
    struct sequence sequence;

    sequence.len = play_random(number, sequence.bytes);
    fprintf(stderr, "sequence %llu of %zu operations fails; in short:\n",
            (unsigned long long)number, op_count(&sequence));
    shrink(&sequence);
    (void)survives(&sequence, false);
    play_print(sequence.bytes, sequence.len);
}

/* `number` is shared with the one who waits. */
static void play_those(volatile uint64_t *number, uint64_t first, unsigned count)
{
    static uint8_t bytes[PLAY_SIZE_MAX];

    begin_process(true);
    for (*number = first; *number < first + count; ++*number) {
        limit_time();
        play_run(bytes, play_random(*number, bytes));
    }
}

bool play_many(uint64_t first, unsigned count)
{
    volatile uint64_t *number =
        mmap(NULL, sizeof(*number), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t process;
    bool well;

    if (number == MAP_FAILED) {
        return false;
    }
    fflush(NULL);
    process = fork();
    if (process == 0) {
        play_those(number, first, count);
        _exit(0);
    }
    well = ends_well(process);
    if (!well) {
        report(*number);
    }
    (void)munmap((void *)number, sizeof(*number));
    return well;
}

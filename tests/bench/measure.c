/*
 * What a program costs from start to end.
 *
 *     measure COMMAND [ARGUMENT]...
 *
 * Runs it with its standard output on standard error, and prints a line of JSON as ./bench does:
 * `seconds`, `cpu_seconds` and `resident_bytes` (the peak).  Ends with status 1 if it fails.
 *
 * A program of its own because Linux counts what a process held before exec() into its peak: so
 * what starts the measured one has to be small.
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
    const double start = now_seconds();
    struct rusage usage;
    int status;
    pid_t child;

    if (argc < 2) {
        (void)fprintf(stderr, "usage: measure COMMAND [ARGUMENT]...\n");
        return 2;
    }
    child = fork();
    if (child == 0) {
        (void)dup2(STDERR_FILENO, STDOUT_FILENO);
        (void)execvp(argv[1], argv + 1);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) != child || status != 0) {
        (void)fprintf(stderr, "measure: %s failed\n", argv[1]);
        return 1;
    }
    printf("{\"work\":\"measure\",\"seconds\":%.6f,\"cpu_seconds\":%.3f,\"resident_bytes\":%lld}\n",
           now_seconds() - start, seconds(usage.ru_utime) + seconds(usage.ru_stime),
           (long long)usage.ru_maxrss * 1024);
    return 0;
}

/* Runs a fuzzing program over the files of folders, for compilers without libFuzzer. */
#include <dirent.h>
#include <stdio.h>

#include "fuzz.h"

#define INPUT_MAX 65536 /* bytes; the rest of a larger file is left out */
#define PATH_SIZE 4096

static int replay(const char *path)
{
    static uint8_t input[INPUT_MAX];
    FILE *file = fopen(path, "rb");
    size_t len;

    if (file == NULL) {
        perror(path);
        return 1;
    }
    len = fread(input, 1, sizeof(input), file);
    fclose(file);
    if (LLVMFuzzerTestOneInput(input, len) != 0) {
        fprintf(stderr, "%s: not 0\n", path);
        return 1;
    }
    return 0;
}

/* Returns how many files there are in the folder, -1 after a failure. */
static int replay_all(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    char path[PATH_SIZE];
    int count = 0;

    if (dir == NULL) {
        perror(folder);
        return -1;
    }
    while (count >= 0 && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
            count = replay(path) == 0 ? count + 1 : -1;
        }
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;

    for (int i = 1; i < argc; i++) {
        const int count = replay_all(argv[i]);

        if (count < 0) {
            return 1;
        }
        total += count;
    }
    if (total == 0) {
        fprintf(stderr, "usage: %s FOLDER...\n", argv[0]);
        return 2;
    }
    printf("%d files\n", total);
    return 0;
}

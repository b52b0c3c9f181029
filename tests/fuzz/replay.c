/* Runs a fuzzing program over files, for compilers without libFuzzer. */
#include <stdio.h>

#include "fuzz.h"

#define INPUT_MAX 65536 /* bytes; the rest of a larger file is left out */

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
    return LLVMFuzzerTestOneInput(input, len);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s FILE...\n", argv[0]);
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        if (replay(argv[i]) != 0) {
            return 1;
        }
    }
    printf("%d files\n", argc - 1);
    return 0;
}

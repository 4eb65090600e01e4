/* driver.c: feeds a fuzz target where libFuzzer is not at hand: all files of a corpus
 * as they are, then damaged in random ways. Same command line: `fuzz_frame -runs=100000
 * -seed=1 CORPUS...`. It does not learn; the sanitizers of the build say what went
 * wrong, and the input is left in ./crash-input.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX 65536
#define CORPUS_MAX 256

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    uint8_t *data;
    size_t size;
};

static struct input corpus[CORPUS_MAX];
static size_t corpus_count;
static uint64_t dice = 1;

static uint32_t roll(uint32_t sides)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return sides > 0 ? (uint32_t)(dice >> 32) % sides : 0;
}

static void add_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct input *input = &corpus[corpus_count];

    if (file == NULL || corpus_count == CORPUS_MAX) {
        return;
    }
    input->data = malloc(INPUT_MAX);
    input->size = fread(input->data, 1, INPUT_MAX, file);
    corpus_count++;
    fclose(file);
}

static void add_folder(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    char full[4096];

    if (folder == NULL) {
        add_file(path);
        return;
    }
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.') {
            snprintf(full, sizeof(full), "%s/%s", path, entry->d_name);
            add_file(full);
        }
    }
    closedir(folder);
}

static void insert(uint8_t *data, size_t *size)
{
    size_t at = roll((uint32_t)*size + 1);
    size_t count = 1 + roll(8);

    if (*size + count <= INPUT_MAX) {
        memmove(data + at + count, data + at, *size - at);
        memset(data + at, (int)roll(256), count);
        *size += count;
    }
}

static void delete(uint8_t *data, size_t *size)
{
    size_t at = roll((uint32_t)*size);
    size_t count = 1 + roll((uint32_t)(*size - at));

    memmove(data + at, data + at + count, *size - at - count);
    *size -= count;
}

/* A length field that lies, most of all. */
static void overwrite(uint8_t *data, size_t size)
{
    static const uint32_t numbers[] = {
        0,       1,          0x7f,   0xff,       0x100,      0x7fff,    0xffff,
        0x10000, 0x7fffffff, 0xfffe, 0x80000000, 0xfffffffe, 0xffffffff};
    uint32_t number = numbers[roll(sizeof(numbers) / sizeof(numbers[0]))];
    size_t width = (size_t)1 << roll(3);
    size_t at = roll((uint32_t)size);

    for (size_t i = 0; i < width && at + i < size; i++) {
        data[at + i] = (uint8_t)(number >> (8 * i));
    }
}

static void damage(uint8_t *data, size_t *size)
{
    uint32_t how = roll(5);

    if (*size == 0 || how == 0) {
        insert(data, size);
    } else if (how == 1) {
        delete (data, size);
    } else if (how == 2) {
        data[roll((uint32_t)*size)] ^= (uint8_t)(1u << roll(8));
    } else if (how == 3) {
        data[roll((uint32_t)*size)] = (uint8_t)roll(256);
    } else {
        overwrite(data, *size);
    }
}

/* A copy of the very size, so that a byte too many is seen. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    FILE *kept = NULL;

    if (getenv("FUZZ_KEEP") != NULL) {
        kept = fopen("crash-input", "wb"); /* slow: to find the input of a crash */
    }
    if (kept != NULL) {
        (void)fwrite(data, 1, size, kept);
        fclose(kept);
    }
    memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

int main(int argc, char **argv)
{
    static uint8_t data[INPUT_MAX];
    long runs = 0;

    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "-runs=", 6) == 0) {
            runs = atol(argv[i] + 6);
        } else if (strncmp(argv[i], "-seed=", 6) == 0) {
            dice = strtoull(argv[i] + 6, NULL, 10) * 2 + 1;
        } else if (argv[i][0] != '-') {
            add_folder(argv[i]);
        }
    }
    for (size_t i = 0; i < corpus_count; i++) {
        run(corpus[i].data, corpus[i].size);
    }
    for (long done = 0; done < runs; done++) {
        const struct input *input = &corpus[roll((uint32_t)corpus_count)];
        size_t size = corpus_count > 0 ? input->size : 0;

        memcpy(data, input->data != NULL ? input->data : data, size);
        for (uint32_t times = 1 + roll(6); times > 0; times--) {
            damage(data, &size);
        }
        run(data, size);
    }
    printf("%zu inputs as they are, %ld damaged ones\n", corpus_count, runs);
    return 0;
}

/* What the recorder is measured on: nothing but calls of malloc and free, 256 blocks live a thread.
 *
 *   loop CALLS THREADS        prints the ns of this process's CPU time that a call took
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BLOCKS = 256, MAX_THREADS = 64 };

static void *work(void *calls)
{
    void *blocks[BLOCKS] = {NULL};
    unsigned random = 1;
    for (unsigned long n = *(unsigned long *)calls / 2; n > 0; n--) {
        random = random * 1664525 + 1013904223;
        unsigned i = random >> 24;
        free(blocks[i]);
        blocks[i] = malloc(16 + (random >> 12 & 511));
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        free(blocks[i]);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[MAX_THREADS];
    unsigned long calls = argc == 3 ? strtoul(argv[1], NULL, 10) : 0;
    int count = argc == 3 ? atoi(argv[2]) : 0;
    if (calls == 0 || count < 1 || count > MAX_THREADS)
        return 2;
    for (int i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, work, &calls) != 0)
            return 1;
    }
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    printf("%.2f\n", ((double)cpu.tv_sec * 1e9 + (double)cpu.tv_nsec) / ((double)calls * count));
    return 0;
}

/* The one heap of the process: how it comes to be, fork, and the end.
 *
 * The heap is made by the first call, whoever makes it: often the dynamic loader, before any constructor. It is
 * never destroyed, as nobody can know which call is the last. The handlers for fork are registered with it, thus
 * before anybody else's: they run last before a fork and first after it, so that others' may allocate.
 */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "settings.h"

struct goheap *gm_heap_now;
unsigned gm_page_shift;

/* --- stderr -------------------------------------------------------------------------------------------- */

enum { OUT_OF_THE_WAY = 200 }; /* programs expect the lowest file descriptors for themselves */

/* Many programs close stderr before the last destructors run: figures go to a copy of it, if nobody has put another
 * file in its place by then. */
static int stderr_copy = -1;
static struct stat stderr_was;

static void keep_stderr(void)
{
    if (fstat(STDERR_FILENO, &stderr_was) == 0)
        stderr_copy = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
}

static int stderr_kept(void)
{
    struct stat now;
    bool same = stderr_copy >= 0 && fstat(stderr_copy, &now) == 0 && now.st_dev == stderr_was.st_dev &&
                now.st_ino == stderr_was.st_ino;
    return same ? stderr_copy : STDERR_FILENO;
}

/* --- fork ---------------------------------------------------------------------------------------------- */

static void before_fork(void)
{
    gm_shared_lock();
    goheap_lock_all(gm_heap_now);
}

static void after_fork(void)
{
    goheap_unlock_all(gm_heap_now);
    gm_shared_unlock();
}

static void after_fork_in_child(void)
{
    gm_scavenger_forget();
    after_fork();
}

/* --- beginning ----------------------------------------------------------------------------------------- */

static void on_misuse(void *user, enum goheap_result misuse, uint64_t addr)
{
    (void)user;
    gm_misuse("free", misuse, (const void *)(uintptr_t)addr);
}

static struct goheap *new_heap(void)
{
    static struct goheap_platform platform; /* the heap borrows it */
    platform = *goheap_platform_mmap();
    platform.step = gm_on_step;
    struct goheap_config config;
    goheap_config_malloc(&config);
    if (gm_settings.address_space)
        config.address_space = gm_settings.address_space;
    gm_page_shift = config.page_shift;
    struct goheap *heap = goheap_new(&config, &platform);
    if (heap)
        goheap_on_misuse(heap, on_misuse, NULL);
    return heap;
}

/* Under heap_lock. True if the heap is there now and was not before. */
static bool begin(void)
{
    static bool prepared;
    if (gm_heap_now)
        return false;
    if (!prepared) {
        gm_settings_read();
        if (gm_settings.stats)
            keep_stderr();
        prepared = gm_threads_init();
    }
    struct goheap *heap = prepared ? new_heap() : NULL;
    __atomic_store_n(&gm_heap_now, heap, __ATOMIC_RELEASE);
    return heap != NULL;
}

struct goheap *gm_heap_make(void)
{
    static pthread_mutex_t heap_lock = PTHREAD_MUTEX_INITIALIZER;
    int before = errno;
    pthread_mutex_lock(&heap_lock);
    bool begun = begin();
    pthread_mutex_unlock(&heap_lock);
    /* Registering may allocate; by now it can. */
    if (begun)
        pthread_atfork(before_fork, after_fork, after_fork_in_child);
    errno = before;
    return gm_heap_now;
}

__attribute__((constructor)) static void on_load(void)
{
    gm_callers_init();
    if (gm_heap())
        gm_scavenger_allow();
}

/* --- end ----------------------------------------------------------------------------------------------- */

__attribute__((destructor)) static void on_exit_of_process(void)
{
    gm_scavenger_forbid();
    if (gm_settings.stats && gm_heap_now)
        gm_stats_print(gm_heap_now, stderr_kept());
}

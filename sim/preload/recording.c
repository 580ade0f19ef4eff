/* Each thread's buffer: a window on its current chunk of the recording, mapped shared, so that
 * what has been written survives the program's death by any cause.
 *
 * Invariant: a thread writes only to chunks it took itself, so recording takes no lock; the one
 * thing threads share is the counter of free slots, touched once a chunk. Our memory comes from
 * mmap alone, and no file stays open: a program that closes every descriptor, or reuses our
 * number, does no harm. System calls are made bare where glibc's wrapper would be a cancellation
 * point, which malloc must not be. */
#include "recording.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { IDLE, STARTING, DONE };

/* The calling thread's buffer; all zero until its first event. */
struct buffer {
    struct record_chunk *chunk; /* mapped; NULL: none yet, or the thread is ending */
    uint64_t slot;              /* where the chunk is in the file */
    uint64_t next, capacity;    /* events */
    uint32_t slots;             /* of the chunk; 0 before the first */
    uint32_t thread;
    bool late; /* the thread's last destructor has run: leave nothing mapped behind any more */
};

_Thread_local unsigned recording_depth;
static _Thread_local struct buffer buffer;

static uint32_t never; /* what recording_live points to while there is nothing to record */
const volatile uint32_t *recording_live = &never;

static _Atomic int state = IDLE;
static uint32_t *live_page;
static struct record_control *control;
static char path[PATH_MAX];
static pthread_key_t end_key;

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static int open_recording(void)
{
    return (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
}

/* From here on nothing is recorded; `reason` is an errno for goheap record to report. */
static void stop(int reason)
{
    *live_page = 0;
    int32_t none = 0;
    atomic_compare_exchange_strong(&control->stop_errno, &none, reason != 0 ? reason : EIO);
}

/* Makes sure that the file has blocks there: writing to a hole of a full disk would be a SIGBUS.
 * Where the file system cannot promise that, extending the file must do. */
static bool reserve(int file, uint64_t offset, uint64_t bytes)
{
    if (syscall(SYS_fallocate, file, 0, (long)offset, (long)bytes) == 0)
        return true;
    if (errno != EOPNOTSUPP && errno != ENOSYS)
        return false;
    return syscall(SYS_pwrite64, file, "", 1L, (long)(offset + bytes - 1)) == 1;
}

/* Maps the buffer's chunk, which was just taken if `fresh`. */
static bool map_chunk(bool fresh)
{
    uint64_t offset = buffer.slot * RECORD_SLOT, bytes = (uint64_t)buffer.slots * RECORD_SLOT;
    int file = open_recording();
    if (file < 0)
        return false;
    void *window = MAP_FAILED;
    if (!fresh || reserve(file, offset, bytes))
        window = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | (fresh ? MAP_POPULATE : 0), file, (off_t)offset);
    int reason = errno;
    syscall(SYS_close, file);
    errno = reason;
    if (window == MAP_FAILED)
        return false;
    buffer.chunk = window;
    return true;
}

static void unmap_chunk(void)
{
    if (buffer.chunk != NULL)
        munmap(buffer.chunk, (size_t)buffer.slots * RECORD_SLOT);
    buffer.chunk = NULL;
}

/* Moves the thread on to a chunk of its own, each twice as large as the last: short-lived
 * threads cost one slot, busy ones one round of system calls in 16,000 events. */
static bool take_chunk(void)
{
    unmap_chunk();
    if (buffer.slots == 0) {
        buffer.thread = atomic_fetch_add(&control->threads, 1);
        pthread_setspecific(end_key, (void *)(uintptr_t)1);
    }
    uint32_t slots = buffer.slots == 0 ? 1 : 2 * buffer.slots;
    buffer.slots = slots < RECORD_MAX_SLOTS ? slots : RECORD_MAX_SLOTS;
    buffer.slot = atomic_fetch_add(&control->next_slot, buffer.slots);
    if (!map_chunk(true))
        return false;
    buffer.next = 0;
    buffer.capacity = record_chunk_capacity(buffer.slots);
    buffer.chunk->thread = buffer.thread;
    buffer.chunk->slots = buffer.slots;
    atomic_signal_fence(memory_order_release); /* a kill must not find the magic without the rest */
    buffer.chunk->magic = RECORD_CHUNK_MAGIC;
    return true;
}

/* The rare half of recording_put: the chunk is full, or not mapped. */
static bool make_room(void)
{
    int saved = errno;
    bool made = buffer.next < buffer.capacity ? map_chunk(false) : take_chunk();
    if (!made)
        stop(errno);
    errno = saved;
    return made;
}

void recording_put(enum record_op op, const void *address, size_t size, unsigned align_log2)
{
    if (__builtin_expect(buffer.chunk == NULL || buffer.next == buffer.capacity, 0) && !make_room())
        return;
    struct record_event *event = &buffer.chunk->events[buffer.next];
    event->time_ns = now_ns();
    event->address = (uint64_t)(uintptr_t)address;
    event->size = size;
    event->op = (uint8_t)op;
    event->align_log2 = (uint8_t)align_log2;
    atomic_store_explicit(&buffer.chunk->committed, ++buffer.next, memory_order_release);
    if (__builtin_expect(buffer.late, 0))
        unmap_chunk();
}

/* Runs in every round of a thread's destructors. Others that run in the same round may still
 * free, so only the last round lets go of the window; what glibc itself frees after that maps it
 * again, an event at a time. */
static void thread_end(void *value)
{
    uintptr_t round = (uintptr_t)value;
    if (*recording_live == 0)
        return;
    if (round < PTHREAD_DESTRUCTOR_ITERATIONS) {
        pthread_setspecific(end_key, (void *)(round + 1));
        return;
    }
    recording_depth++;
    if (buffer.chunk != NULL)
        atomic_store(&buffer.chunk->end_ns, now_ns());
    unmap_chunk();
    buffer.late = true;
    recording_depth--;
}

/* For kernels that cannot clear the page at fork; the others have done it already. */
static void forked_child(void)
{
    *live_page = 0;
}

/* Makes the recording ours: its first process gets it, and keeps it when it becomes another
 * program by exec; what its former self wrote is then left out. */
static bool own(void)
{
    uint32_t self = (uint32_t)getpid(), owner = 0;
    if (control->magic != RECORD_MAGIC)
        return false;
    if (!atomic_compare_exchange_strong(&control->owner, &owner, self) && owner != self)
        return false;
    atomic_store(&control->first_slot, atomic_load(&control->next_slot));
    atomic_store(&control->threads, 0);
    atomic_store(&control->stop_errno, 0);
    atomic_store(&control->start_ns, now_ns());
    return true;
}

static bool map_control(void)
{
    int file = open_recording();
    if (file < 0)
        return false;
    void *head = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    syscall(SYS_close, file);
    if (head == MAP_FAILED)
        return false;
    control = head;
    if (own())
        return true;
    munmap(head, sizeof *control);
    return false;
}

static void begin(const char *value)
{
    if (value == NULL || strlen(value) >= sizeof path)
        return;
    strcpy(path, value);
    long page = sysconf(_SC_PAGESIZE);
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    void *flag = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (flag == MAP_FAILED)
        return;
    live_page = flag;
    madvise(flag, (size_t)page, MADV_WIPEONFORK);
    if (!map_control())
        return;
    if (pthread_key_create(&end_key, thread_end) != 0 ||
        pthread_atfork(NULL, NULL, forked_child) != 0) {
        stop(ENOMEM);
        return;
    }
    *live_page = 1;
    recording_live = live_page;
}

bool recording_start(void)
{
    if (environ == NULL)
        return false; /* the dynamic linker is still at work */
    int idle = IDLE;
    if (!atomic_compare_exchange_strong(&state, &idle, STARTING))
        return idle == DONE;
    recording_depth++;
    int saved = errno;
    begin(getenv(RECORD_ENVIRONMENT));
    errno = saved;
    recording_depth--;
    atomic_store(&state, DONE);
    return true;
}

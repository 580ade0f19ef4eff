/* Each thread's window on the recording, mapped shared, so that what has been written survives the program's death by
 * any cause.
 *
 * Invariant: a thread writes only to slots it took itself, so recording takes no lock; what threads share is the
 * free slots, touched once a chunk, and the list of windows, once a thread. Our memory comes from mmap alone, and no
 * file stays open: a program that closes every descriptor, or reuses our number, does no harm. System calls are made
 * bare where glibc's wrapper would be a cancellation point, which malloc must not be. */
#include "recording.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { IDLE, STARTING, DONE };

/* What the calling thread knows of its window; all zero until its first event. */
struct buffer {
    struct record_window *window; /* mapped; NULL: none yet, or the thread is ending */
    uint64_t slot;                /* where the window is in the file; 0: none yet */
    uint64_t chunk;               /* slot that its content will be written to; 0: none has been written yet */
    uint64_t position;            /* the window's */
    uint64_t ticks;               /* of the latest event */
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

static bool tsc;     /* what ticks are, as the control has it */
static pid_t reader; /* our parent; once it is no more, somebody else is */

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

/* Maps the thread's window, which was just taken if `fresh`. */
static bool map_window(bool fresh)
{
    uint64_t offset = buffer.slot * RECORD_SLOT;
    int file = open_recording();
    if (file < 0)
        return false;
    void *window = MAP_FAILED;
    if (!fresh || reserve(file, offset, RECORD_SLOT))
        window = mmap(NULL, RECORD_SLOT, PROT_READ | PROT_WRITE, MAP_SHARED, file, (off_t)offset);
    int reason = errno;
    syscall(SYS_close, file);
    errno = reason;
    if (window == MAP_FAILED)
        return false;
    buffer.window = window;
    return true;
}

static void unmap_window(void)
{
    if (buffer.window != NULL)
        munmap(buffer.window, RECORD_SLOT);
    buffer.window = NULL;
}

/* The thread's first event is about to come. */
static bool begin_thread(void)
{
    buffer.slot = record_take_slot(control);
    buffer.ticks = record_ticks(tsc);
    if (!map_window(true))
        return false;
    struct record_window *window = buffer.window;
    window->incarnation = atomic_load(&control->incarnation);
    window->thread = atomic_fetch_add(&control->threads, 1);
    window->tid = (uint32_t)syscall(SYS_gettid);
    window->start_ticks = buffer.ticks;
    atomic_store(&window->end_ticks, 0); /* a slot that was taken before is not empty */
    atomic_store(&window->position, 0);
    window->magic = RECORD_WINDOW_MAGIC;
    uint64_t newest = atomic_load(&control->newest);
    do {
        atomic_store(&window->older, newest);
    } while (!atomic_compare_exchange_weak(&control->newest, &newest, buffer.slot));
    pthread_setspecific(end_key, (void *)(uintptr_t)1);
    return true;
}

/* The window, whole, to the place in the file. */
static bool write_chunk(int file)
{
    const char *bytes = (const char *)buffer.window;
    for (size_t done = 0; done < RECORD_SLOT;) {
        uint64_t offset = buffer.chunk * RECORD_SLOT + done;
        long n = syscall(SYS_pwrite64, file, bytes + done, RECORD_SLOT - done, (long)offset);
        if (n < 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

/* Empties the full window. A reader that copies from it meanwhile sees by the number of chunks that it has to look
 * there instead; so that number goes up after the chunk is written, and before the window is. */
static bool flush_window(void)
{
    int file = open_recording();
    if (file < 0)
        return false;
    if (buffer.chunk == 0) {
        buffer.chunk = record_take_slot(control);
        atomic_store_explicit(&buffer.window->first, buffer.chunk, memory_order_relaxed);
    }
    uint64_t next = record_take_slot(control);
    atomic_store_explicit(&buffer.window->then, next, memory_order_relaxed);
    bool written = write_chunk(file);
    int reason = errno;
    syscall(SYS_close, file);
    errno = reason;
    if (!written)
        return false;
    buffer.chunk = next;
    buffer.position = ((buffer.position >> 32) + 1) << 32;
    atomic_store_explicit(&buffer.window->position, buffer.position, memory_order_release);
    return true;
}

static inline bool is_full(void)
{
    return (uint32_t)buffer.position == RECORD_UNITS;
}

/* False, with errno, if all that is recorded would only fill the disk. */
static bool has_reader(void)
{
    errno = ECANCELED;
    return atomic_load_explicit(&control->closed, memory_order_relaxed) == 0 && getppid() == reader;
}

/* The rare half of recording_put: the window is full, or not mapped. */
static bool make_room(void)
{
    int saved = errno;
    bool made = buffer.window != NULL || (buffer.slot == 0 ? begin_thread() : map_window(false));
    if (made && is_full())
        made = has_reader() && flush_window();
    if (!made)
        stop(errno);
    errno = saved;
    return made;
}

static inline bool put_unit(const struct record_event *event)
{
    if (__builtin_expect(buffer.window == NULL || is_full(), 0) && !make_room())
        return false;
    record_pack(&buffer.window->units[(uint32_t)buffer.position], event);
    atomic_store_explicit(&buffer.window->position, ++buffer.position, memory_order_release);
    return true;
}

/* Room comes before the time: between the two and the end of this there is no system call, so that who reads along
 * need not wait for long to have seen all events up to some time. */
void recording_put(enum record_op op, const void *address, size_t size, unsigned align_log2)
{
    if (__builtin_expect(buffer.window == NULL || is_full(), 0) && !make_room())
        return;
    uint64_t now = record_ticks(tsc);
    struct record_event event = {.address = (uint64_t)(uintptr_t)address, .size = size, .op = (uint8_t)op,
                                 .align_log2 = (uint8_t)(align_log2 < 31 ? align_log2 : 31)};
    if (now > buffer.ticks) {
        event.later = now - buffer.ticks;
        buffer.ticks = now;
    }
    if (__builtin_expect(record_is_wide(&event), 0)) {
        struct record_event high = record_high(&event);
        if (!put_unit(&high))
            return;
    }
    put_unit(&event);
    if (__builtin_expect(buffer.late, 0))
        unmap_window();
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
    if (buffer.window != NULL)
        atomic_store(&buffer.window->end_ticks, record_ticks(tsc));
    unmap_window();
    buffer.late = true;
    recording_depth--;
}

/* For kernels that cannot clear the page at fork; the others have done it already. */
static void forked_child(void)
{
    *live_page = 0;
}

/* Makes the recording ours: its first process gets it, and keeps it when it becomes another program by exec; what its
 * former self wrote is then left out. The number goes up last: who reads along by then finds the rest. */
static bool own(void)
{
    uint32_t self = (uint32_t)getpid(), owner = 0;
    if (control->magic != RECORD_MAGIC || atomic_load(&control->closed) != 0)
        return false;
    if (!atomic_compare_exchange_strong(&control->owner, &owner, self) && owner != self)
        return false;
    tsc = control->tsc != 0;
    reader = getppid();
    atomic_store(&control->threads, 0);
    atomic_store(&control->stop_errno, 0);
    atomic_store(&control->start_ticks, record_ticks(tsc));
    atomic_store(&control->start_ns, record_monotonic_ns());
    atomic_fetch_add(&control->incarnation, 1);
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

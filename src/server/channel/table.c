#include "channel/table.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/options.h"
#include "channel/cells.h"
#include "channel/throttle.h"

#define TABLE_MAGIC 0x54575950u /* "PYWT" */
#define TABLE_VERSION 1u
#define CACHE_LINE 64

/* Shared memory from here: fixed-width atomics, no pointers. */

struct slot {
    /* supervisor */
    _Alignas(CACHE_LINE) _Atomic uint32_t state;
    _Atomic uint32_t generation;
    _Atomic int32_t pid;
    /* daemon */
    _Alignas(
        CACHE_LINE) _Atomic uint32_t report; /* generation << 8 | enum pyw_report */
    _Atomic uint32_t capacity;
    _Atomic uint32_t active;
    _Atomic uint32_t answering;
    _Atomic uint64_t served;
    _Atomic uint32_t wish; /* times << 8 | enum pyw_wish */
    _Atomic uint32_t broken;
};

struct ending {
    _Atomic uint64_t packed; /* pid << 32 | status */
};

struct shared {
    uint32_t magic;
    uint32_t version;
    uint32_t slots;
    uint32_t cells;
    _Atomic uint32_t target;  /* parent, supervisor: processes */
    _Atomic uint32_t threads; /* the same: of each */
    /* supervisor */
    _Alignas(CACHE_LINE) _Atomic uint32_t wake; /* futex; grows with every change */
    _Atomic uint32_t failures;
    _Atomic uint32_t sleep; /* enum sleep; children turn asleep into called */
    _Atomic uint32_t ending_count;
    _Atomic uint32_t is_superseded;
    struct ending endings[PYW_TABLE_ENDINGS];
    /* children */
    _Alignas(CACHE_LINE) _Atomic uint32_t failures_said; /* as many have been told of */
    struct pyw_throttle refused;
    struct slot slot[]; /* the roster and the cells follow */
};

enum sleep { SLEEP_AWAKE = 0, SLEEP_ASLEEP = 1, SLEEP_CALLED = 2 };

/* How many there are of each. */
struct counts {
    uint32_t slots;
    uint32_t cells;
};

/* Private: the mapping, with the counts that were checked once. */
struct pyw_table {
    struct shared *shared;
    struct pyw_cells *cells;
    size_t size;
    uint32_t slots;
    uint32_t cell_count;
};

/* The roster lies behind the slots, and the cells behind that. */
static size_t roster_offset(uint32_t slots)
{
    return sizeof(struct shared) + slots * sizeof(struct slot);
}

static size_t cells_offset(uint32_t slots)
{
    size_t end = roster_offset(slots) + pyw_roster_size();

    return (end + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

static size_t size_for(struct counts counts)
{
    return cells_offset(counts.slots) + pyw_cells_size(counts.cells);
}

static int map_table(int fd, struct counts counts, struct pyw_table **table)
{
    struct pyw_table *made = calloc(1, sizeof(*made));
    void *memory;

    if (made == NULL) {
        return -ENOMEM;
    }
    made->slots = counts.slots;
    made->cell_count = counts.cells;
    made->size = size_for(counts);
    memory = mmap(NULL, made->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        int error = errno;

        free(made);
        return -error;
    }
    made->shared = memory;
    made->cells = (void *)((char *)memory + cells_offset(counts.slots));
    *table = made;
    return 0;
}

static int make_segment(struct counts counts)
{
    int fd = memfd_create("pywsgi-group", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0) {
        return -errno;
    }
    /* Sealed against shrinking: a daemon cannot make the others fault. */
    if (ftruncate(fd, (off_t)size_for(counts)) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        int error = errno;

        close(fd);
        return -error;
    }
    return fd;
}

static bool may_be(struct counts counts)
{
    return counts.slots > 0 && counts.slots <= PYW_TABLE_SLOTS_MAX &&
           counts.cells > 0 && counts.cells <= PYW_CELLS_MAX;
}

int pyw_table_create(uint32_t slots, uint32_t cells, struct pyw_table **table, int *fd)
{
    struct counts counts = {slots, cells};
    int made;
    int rv;

    if (!may_be(counts)) {
        return -EINVAL;
    }
    made = make_segment(counts);
    if (made < 0) {
        return made;
    }
    rv = map_table(made, counts, table);
    if (rv != 0) {
        close(made);
        return rv;
    }
    (*table)->shared->magic = TABLE_MAGIC;
    (*table)->shared->version = TABLE_VERSION;
    (*table)->shared->slots = slots;
    (*table)->shared->cells = cells;
    *fd = made;
    return 0;
}

/* The counts that a segment claims, if they can be true. */
static int read_counts(int fd, struct counts *counts)
{
    struct stat about;
    uint32_t start[4];

    if (fstat(fd, &about) != 0) {
        return -errno;
    }
    if (pread(fd, start, sizeof(start), 0) != (ssize_t)sizeof(start) ||
        start[0] != TABLE_MAGIC || start[1] != TABLE_VERSION) {
        return -EPROTO;
    }
    *counts = (struct counts){start[2], start[3]};
    return may_be(*counts) && about.st_size == (off_t)size_for(*counts) ? 0 : -EPROTO;
}

int pyw_table_open(int fd, struct pyw_table **table)
{
    struct counts counts = {0, 0};
    int rv = read_counts(fd, &counts);

    return rv != 0 ? rv : map_table(fd, counts, table);
}

void pyw_table_close(struct pyw_table *table)
{
    if (table != NULL) {
        munmap(table->shared, table->size);
        free(table);
    }
}

struct pyw_cells *pyw_table_cells(const struct pyw_table *table, uint32_t *count)
{
    *count = table->cell_count;
    return table->cells;
}

struct pyw_throttle *pyw_table_refused(const struct pyw_table *table)
{
    return &table->shared->refused;
}

uint32_t pyw_table_slots(const struct pyw_table *table)
{
    return table->slots;
}

struct pyw_roster *pyw_table_roster(struct pyw_table *table)
{
    return (struct pyw_roster *)((char *)table->shared + roster_offset(table->slots));
}

const char *pyw_table_state_name(unsigned state)
{
    static const char *const names[PYW_STATE_COUNT] = {"free", "starting", "ready",
                                                       "draining", "gone"};

    return state < PYW_STATE_COUNT ? names[state] : "unknown";
}

static struct slot *slot_at(const struct pyw_table *table, uint32_t slot)
{
    /* Callers count up to pyw_table_slots; anything else would be a bug of ours, kept
     * harmless. */
    return &table->shared->slot[slot < table->slots ? slot : 0];
}

void pyw_table_set_state(struct pyw_table *table, uint32_t slot, enum pyw_state state)
{
    atomic_store(&slot_at(table, slot)->state, (uint32_t)state);
    pyw_table_wake(table);
}

void pyw_table_set_process(struct pyw_table *table, uint32_t slot, uint32_t generation,
                           int32_t pid)
{
    struct slot *at = slot_at(table, slot);

    /* A daemon that was killed left its counts behind, and its wish. */
    atomic_store(&at->active, 0);
    atomic_store(&at->answering, 0);
    atomic_store(&at->wish, 0);
    atomic_store(&at->pid, pid);
    atomic_store(&at->generation, generation);
}

void pyw_table_add_ending(struct pyw_table *table, struct pyw_ending ending)
{
    struct shared *shared = table->shared;
    uint32_t at = atomic_fetch_add(&shared->ending_count, 1) % PYW_TABLE_ENDINGS;
    uint64_t packed = (uint64_t)(uint32_t)ending.pid << 32 | (uint32_t)ending.status;

    atomic_store(&shared->endings[at].packed, packed);
    pyw_table_wake(table);
}

bool pyw_table_find_ending(const struct pyw_table *table, int32_t pid,
                           struct pyw_ending *ending)
{
    for (size_t i = 0; i < PYW_TABLE_ENDINGS; i++) {
        uint64_t packed = atomic_load(&table->shared->endings[i].packed);

        if ((int32_t)(packed >> 32) == pid) {
            ending->pid = pid;
            ending->status = (int32_t)(uint32_t)packed;
            return true;
        }
    }
    return false;
}

void pyw_table_set_failures(struct pyw_table *table, uint32_t failures)
{
    if (failures == 0) {
        atomic_store(&table->shared->failures_said, 0);
    }
    atomic_store(&table->shared->failures, failures);
    pyw_table_wake(table);
}

uint32_t pyw_table_failures(const struct pyw_table *table)
{
    return atomic_load(&table->shared->failures);
}

void pyw_table_supersede(struct pyw_table *table)
{
    atomic_store(&table->shared->is_superseded, 1);
}

bool pyw_table_is_superseded(const struct pyw_table *table)
{
    return atomic_load(&table->shared->is_superseded) != 0;
}

bool pyw_table_may_say_failures(struct pyw_table *table)
{
    uint32_t failures = pyw_table_failures(table);
    uint32_t said = atomic_load(&table->shared->failures_said);

    return said != failures && atomic_compare_exchange_strong(
                                   &table->shared->failures_said, &said, failures);
}

void pyw_table_set_asleep(struct pyw_table *table, bool is_asleep)
{
    uint32_t wanted = is_asleep ? SLEEP_ASLEEP : SLEEP_AWAKE;

    atomic_store(&table->shared->sleep, wanted);
    pyw_table_wake(table);
}

bool pyw_table_is_asleep(const struct pyw_table *table)
{
    return atomic_load(&table->shared->sleep) != SLEEP_AWAKE;
}

bool pyw_table_call(struct pyw_table *table)
{
    uint32_t seen = SLEEP_ASLEEP;

    return atomic_compare_exchange_strong(&table->shared->sleep, &seen, SLEEP_CALLED);
}

bool pyw_table_is_called(const struct pyw_table *table)
{
    return atomic_load(&table->shared->sleep) == SLEEP_CALLED;
}

void pyw_table_wake(struct pyw_table *table)
{
    atomic_fetch_add(&table->shared->wake, 1);
    (void)syscall(SYS_futex, &table->shared->wake, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

uint32_t pyw_table_seen(const struct pyw_table *table)
{
    return atomic_load(&table->shared->wake);
}

void pyw_table_wait(const struct pyw_table *table, uint32_t seen, int milliseconds)
{
    struct timespec most = {.tv_sec = milliseconds / 1000,
                            .tv_nsec = (milliseconds % 1000) * 1000000L};
    static const struct timespec moment = {.tv_nsec = 200000};

    /* Woken, changed already, timed out or interrupted: the caller looks again in any
     * case. Not at once where it has changed: that may go on for ever. */
    if (syscall(SYS_futex, &table->shared->wake, FUTEX_WAIT, seen, &most, NULL, 0) !=
            0 &&
        errno == EAGAIN) {
        (void)nanosleep(&moment, NULL);
    }
}

void pyw_table_report(struct pyw_table *table, uint32_t slot, uint32_t generation,
                      enum pyw_report report)
{
    atomic_store(&slot_at(table, slot)->report, generation << 8 | (uint32_t)report);
}

enum pyw_report pyw_table_report_of(const struct pyw_table *table, uint32_t slot,
                                    uint32_t generation)
{
    uint32_t value = atomic_load(&slot_at(table, slot)->report);

    if (value >> 8 != (generation & 0xffffffu)) {
        return PYW_REPORT_NONE;
    }
    switch (value & 0xff) {
    case PYW_REPORT_READY:
        return PYW_REPORT_READY;
    case PYW_REPORT_DRAINING:
        return PYW_REPORT_DRAINING;
    case PYW_REPORT_IDLE:
        return PYW_REPORT_IDLE;
    default:
        return PYW_REPORT_NONE;
    }
}

void pyw_table_wish(struct pyw_table *table, uint32_t slot, enum pyw_wish wish)
{
    _Atomic uint32_t *at = &slot_at(table, slot)->wish;
    uint32_t old = atomic_load(at);
    uint32_t largest;

    do {
        largest = (old & 0xff) > (uint32_t)wish ? old & 0xff : (uint32_t)wish;
    } while (!atomic_compare_exchange_weak(at, &old, ((old >> 8) + 1) << 8 | largest));
}

uint32_t pyw_table_wishes(const struct pyw_table *table, uint32_t slot,
                          enum pyw_wish *wish)
{
    uint32_t value = atomic_load(&slot_at(table, slot)->wish);

    *wish = (value & 0xff) == PYW_WISH_REPLACE_ALL ? PYW_WISH_REPLACE_ALL
                                                   : PYW_WISH_REPLACE;
    return value >> 8;
}

void pyw_table_set_capacity(struct pyw_table *table, uint32_t slot, uint32_t threads)
{
    atomic_store(&slot_at(table, slot)->capacity, threads);
}

void pyw_table_set_broken(struct pyw_table *table, uint32_t slot, uint32_t scripts)
{
    atomic_store(&slot_at(table, slot)->broken, scripts);
}

void pyw_table_begin_request(struct pyw_table *table, uint32_t slot)
{
    atomic_fetch_add(&slot_at(table, slot)->active, 1);
}

/* Not below 0: a daemon that lives on for a while after its supervisor died takes from
 * the count of the one that came into its slot. */
static void count_down(_Atomic uint32_t *count)
{
    uint32_t seen = atomic_load(count);

    while (seen > 0 && !atomic_compare_exchange_weak(count, &seen, seen - 1)) {
    }
}

void pyw_table_end_request(struct pyw_table *table, uint32_t slot)
{
    struct slot *at = slot_at(table, slot);

    count_down(&at->active);
    atomic_fetch_add_explicit(&at->served, 1, memory_order_relaxed);
}

void pyw_table_begin_answer(struct pyw_table *table, uint32_t slot)
{
    atomic_fetch_add(&slot_at(table, slot)->answering, 1);
}

void pyw_table_end_answer(struct pyw_table *table, uint32_t slot)
{
    count_down(&slot_at(table, slot)->answering);
}

enum pyw_state pyw_table_state(const struct pyw_table *table, uint32_t slot)
{
    uint32_t state = atomic_load(&slot_at(table, slot)->state);

    return state < PYW_STATE_COUNT ? (enum pyw_state)state : PYW_STATE_FREE;
}

uint32_t pyw_table_generation(const struct pyw_table *table, uint32_t slot)
{
    return atomic_load(&slot_at(table, slot)->generation);
}

int32_t pyw_table_pid(const struct pyw_table *table, uint32_t slot)
{
    return atomic_load(&slot_at(table, slot)->pid);
}

static uint32_t believable(uint32_t threads)
{
    return threads < PYW_OPTIONS_MAX_THREADS ? threads : PYW_OPTIONS_MAX_THREADS;
}

uint32_t pyw_table_capacity(const struct pyw_table *table, uint32_t slot)
{
    return believable(atomic_load(&slot_at(table, slot)->capacity));
}

uint32_t pyw_table_broken(const struct pyw_table *table, uint32_t slot)
{
    return atomic_load(&slot_at(table, slot)->broken);
}

uint32_t pyw_table_active(const struct pyw_table *table, uint32_t slot)
{
    return atomic_load(&slot_at(table, slot)->active);
}

void pyw_table_set_size(struct pyw_table *table, uint32_t processes, uint32_t threads)
{
    atomic_store(&table->shared->target, processes);
    atomic_store(&table->shared->threads, threads);
}

uint32_t pyw_table_target(const struct pyw_table *table)
{
    uint32_t target = atomic_load(&table->shared->target);

    return target < table->slots ? target : table->slots;
}

uint32_t pyw_table_threads(const struct pyw_table *table)
{
    return believable(atomic_load(&table->shared->threads));
}

uint32_t pyw_table_answering(const struct pyw_table *table, uint32_t slot)
{
    return atomic_load(&slot_at(table, slot)->answering);
}

uint64_t pyw_table_served(const struct pyw_table *table, uint32_t slot)
{
    return atomic_load(&slot_at(table, slot)->served);
}

uint32_t pyw_table_count(const struct pyw_table *table, enum pyw_state state)
{
    uint32_t count = 0;

    for (uint32_t slot = 0; slot < table->slots; slot++) {
        count += pyw_table_state(table, slot) == state ? 1 : 0;
    }
    return count;
}

int pyw_table_choose(const struct pyw_table *table, const uint32_t *in_flight,
                     uint32_t turn, struct pyw_choice *choice)
{
    uint32_t least = UINT32_MAX;
    bool is_found = false;

    for (uint32_t i = 0; i < table->slots; i++) {
        uint32_t slot = (turn % table->slots + i) % table->slots;
        uint32_t load;

        if (pyw_table_state(table, slot) != PYW_STATE_READY) {
            continue;
        }
        load = pyw_table_active(table, slot);
        load = load > in_flight[slot] ? load : in_flight[slot];
        if (!is_found || load < least) {
            is_found = true;
            least = load;
            choice->slot = slot;
        }
    }
    if (!is_found) {
        return -EAGAIN;
    }
    choice->generation = pyw_table_generation(table, choice->slot);
    choice->pid = pyw_table_pid(table, choice->slot);
    return 0;
}

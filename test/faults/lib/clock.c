/*
 * A clock that a test can set, for the processes of one server: LD_PRELOAD=..., and CLOCK_OFFSET names a file with the seconds by which
 * it differs from the real one, as a native 8-byte integer. CLOCK_MONOTONIC is left alone, as it is by those who set a clock.
 *
 * libfaketime does not do: what the postmaster of PostgreSQL 15 forks in a signal handler is forked in the middle of a call of
 * select(), during which it fakes nothing, and so never will in the child.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset;

static void __attribute__((constructor)) find_offset(void) {
    const char *name = getenv("CLOCK_OFFSET");
    const int file = name == NULL ? -1 : open(name, O_RDONLY | O_CLOEXEC);
    void *place = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
    if (place != MAP_FAILED) {
        offset = place;
    }
    if (file >= 0) {
        close(file);
    }
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    const long result = syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && offset != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        now->tv_sec += *offset;
    }
    return (int)result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &precise) != 0) {
        return -1;
    }
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now) {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (now != NULL) {
        *now = precise.tv_sec;
    }
    return precise.tv_sec;
}

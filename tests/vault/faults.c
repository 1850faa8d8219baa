/* Makes a system call on a file below a folder fail. Loaded with LD_PRELOAD; tests/vault/faulty.py arms it:
   the `at`-th call of the kinds asked for fails with `error`, with `stays` every one after it too, and with `torn` a
   write that is to fail writes its first half before. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, OPEN = 4, RENAME = 8, TRUNCATE = 16, READ = 32, MAKE = 64 };

static char folder[PATH_MAX];
static long calls, wanted;
static int kinds, error, stays, torn, half;

void fault_arm(const char *path, long at, int of, int with, int stay, int tear) {
    snprintf(folder, sizeof folder, "%s", path);
    calls = half = 0;
    wanted = at, error = with, stays = stay, torn = tear, kinds = of;
}

/* How many calls there were that could have failed. */
long fault_disarm(void) {
    kinds = 0;
    return calls;
}

static int below(const char *path) {
    return kinds && strncmp(path, folder, strlen(folder)) == 0 && !strstr(path, "-shm");
}

static int is_below(int fd) {
    char link[64], path[PATH_MAX];
    if (!kinds) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

static int fails(int kind, int counts) {
    int saved = errno;
    if (!(kinds & kind) || !counts) return 0;
    long number = ++calls;
    errno = saved;
    if (half) half = 0;
    else if (number != wanted && !(number > wanted && stays)) return 0;
    errno = error;
    return 1;
}

/* For a write that is to be torn: how much of it is written now. The rest fails at the next call. */
static size_t part(int fd, size_t size) {
    if (!torn || half || size < 2 || !(kinds & WRITE) || !is_below(fd) || calls + 1 != wanted) return size;
    calls++, half = 1;
    return size / 2;
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)
#define PUT(fd, size, call) size_t now = part(fd, size); if (now == size && fails(WRITE, is_below(fd))) return -1; size = now; return call

ssize_t write(int fd, const void *data, size_t size) { REAL(write); PUT(fd, size, real(fd, data, size)); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { REAL(pwrite); PUT(fd, size, real(fd, data, size, at)); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { REAL(pwrite64); PUT(fd, size, real(fd, data, size, at)); }
ssize_t read(int fd, void *data, size_t size) { REAL(read); return fails(READ, is_below(fd)) ? -1 : real(fd, data, size); }
ssize_t pread(int fd, void *data, size_t size, off_t at) { REAL(pread); return fails(READ, is_below(fd)) ? -1 : real(fd, data, size, at); }
ssize_t pread64(int fd, void *data, size_t size, off64_t at) { REAL(pread64); return fails(READ, is_below(fd)) ? -1 : real(fd, data, size, at); }
int fsync(int fd) { REAL(fsync); return fails(SYNC, is_below(fd)) ? -1 : real(fd); }
int fdatasync(int fd) { REAL(fdatasync); return fails(SYNC, is_below(fd)) ? -1 : real(fd); }
int ftruncate(int fd, off_t size) { REAL(ftruncate); return fails(TRUNCATE, is_below(fd)) ? -1 : real(fd, size); }
int ftruncate64(int fd, off64_t size) { REAL(ftruncate64); return fails(TRUNCATE, is_below(fd)) ? -1 : real(fd, size); }
int rename(const char *from, const char *to) { REAL(rename); return fails(RENAME, below(to)) ? -1 : real(from, to); }
int mkdir(const char *path, mode_t mode) { REAL(mkdir); return fails(MAKE, below(path)) ? -1 : real(path, mode); }

#define MODE(flags) va_list rest; va_start(rest, flags); int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0; va_end(rest)
#define CHANGES(flags) (((flags) & O_ACCMODE) != O_RDONLY || (flags) & O_CREAT)

int open(const char *path, int flags, ...) { REAL(open); MODE(flags); return fails(OPEN, CHANGES(flags) && below(path)) ? -1 : real(path, flags, mode); }
int open64(const char *path, int flags, ...) { REAL(open64); MODE(flags); return fails(OPEN, CHANGES(flags) && below(path)) ? -1 : real(path, flags, mode); }

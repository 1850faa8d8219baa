/* Makes one of the vault's system calls fail: the FAULT_AT-th write, sync, truncation or rename of a file below
   FAULT_PATH fails with FAULT_ERRNO, and with FAULT_STAYS every one after it. Loaded with LD_PRELOAD by test_disk.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static long calls;

static int below(const char *path) {
    const char *folder = getenv("FAULT_PATH");
    return folder && strncmp(path, folder, strlen(folder)) == 0 && !strstr(path, "-shm");
}

static int is_below(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

static int fails(int counts) {
    const char *at = getenv("FAULT_AT");
    if (!counts || !at) return 0;
    long number = __sync_add_and_fetch(&calls, 1), wanted = atol(at);
    if (number != wanted && !(number > wanted && getenv("FAULT_STAYS"))) return 0;
    errno = atoi(getenv("FAULT_ERRNO"));
    return 1;
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)

ssize_t write(int fd, const void *data, size_t size) { REAL(write); return fails(fd > 2 && is_below(fd)) ? -1 : real(fd, data, size); }
ssize_t pwrite(int fd, const void *data, size_t size, off_t at) { REAL(pwrite); return fails(is_below(fd)) ? -1 : real(fd, data, size, at); }
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at) { REAL(pwrite64); return fails(is_below(fd)) ? -1 : real(fd, data, size, at); }
int fsync(int fd) { REAL(fsync); return fails(is_below(fd)) ? -1 : real(fd); }
int fdatasync(int fd) { REAL(fdatasync); return fails(is_below(fd)) ? -1 : real(fd); }
int ftruncate(int fd, off_t size) { REAL(ftruncate); return fails(is_below(fd)) ? -1 : real(fd, size); }
int ftruncate64(int fd, off64_t size) { REAL(ftruncate64); return fails(is_below(fd)) ? -1 : real(fd, size); }
int rename(const char *from, const char *to) { REAL(rename); return fails(below(to)) ? -1 : real(from, to); }

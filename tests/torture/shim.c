/* Preloaded into a daemon, writes down in order what it does to its store: every write, truncation, sync, creation,
 * removal and renaming, each with its moment. One lock makes the order that of the calls. Environment:
 *   SHIM_STORE  the database; files whose names begin with it are followed, and its folder
 *   SHIM_LOG    where the records are appended; without it none are made
 *   SHIM_SLOW   while there is a file of this name, a sync takes a quarter of a second more
 * A record: struct record in the machine's own byte order, then `length` octets (names, or what was written).
 * Not followed: descriptors that are duplicated, and mappings that are written to. Whoever replays the records sees by
 * comparing with the files whether anything was missed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { CREATED = 1, OPENED, WROTE, TRUNCATED, SYNCED, FOLDER_SYNCED, REMOVED, RENAMED };
#define FOLDER 1
#define MOST 4096

struct record {
    uint32_t kind, file; /* the file's number: one for each time that it was created, 0 for none */
    int64_t began, ended; /* nanoseconds since the epoch */
    int64_t offset, length;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char store[PATH_MAX], folder[PATH_MAX];
static const char *slow;
static int log_fd = -1;
static uint32_t of_fd[MOST]; /* 0: not followed, FOLDER, else the file's number + 1 */

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("SHIM_STORE"), *records = getenv("SHIM_LOG");
    slow = getenv("SHIM_SLOW");
    if (!path) return;
    snprintf(store, sizeof store, "%s", path);
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash) *slash = 0;
    if (!records) return;
    log_fd = (int)syscall(SYS_openat, AT_FDCWD, records, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd >= 0) { /* out of the way of descriptors that are counted */
        int high = fcntl(log_fd, F_DUPFD_CLOEXEC, 500);
        if (high >= 0) { syscall(SYS_close, log_fd); log_fd = high; }
    }
}

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void all(const void *data, size_t length) {
    const char *at = data;
    while (length) {
        ssize_t done = syscall(SYS_write, log_fd, at, length);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) abort(); /* without its record the run proves nothing */
        at += done;
        length -= (size_t)done;
    }
}

static void note(uint32_t kind, uint32_t file, int64_t began, int64_t offset, const void *data, int64_t length) {
    if (log_fd < 0) return;
    struct record r = {kind, file, began, now(), offset, length};
    int before = errno;
    all(&r, sizeof r);
    if (length && data) all(data, (size_t)length);
    errno = before;
}

static int followed(const char *path) {
    if (!*store || !path || strncmp(path, store, strlen(store))) return 0;
    const char *rest = path + strlen(store);
    return !strcmp(rest, "") || !strcmp(rest, "-wal") || !strcmp(rest, "-journal");
}

static uint32_t number(int fd) { /* the inode: unique as long as a removed file's is not given out again, see REMOVED */
    struct stat s;
    return fd >= 0 && fstat(fd, &s) == 0 ? (uint32_t)s.st_ino : 0;
}

static uint32_t file_of(int fd) {
    return fd >= 0 && fd < MOST && of_fd[fd] > FOLDER ? of_fd[fd] - 1 : 0;
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

static int opened(int fd, const char *path, int flags, int was_there, int64_t began) {
    if (fd < 0 || fd >= MOST) return fd;
    of_fd[fd] = 0;
    if (followed(path)) {
        uint32_t file = number(fd);
        of_fd[fd] = file + 1;
        note(was_there ? OPENED : CREATED, file, began, 0, path, (int64_t)strlen(path));
        if (was_there && (flags & O_TRUNC)) note(TRUNCATED, file, began, 0, 0, 0);
    } else if (*store && path && !strcmp(path, folder)) {
        of_fd[fd] = FOLDER;
    }
    return fd;
}

#define OPEN(name)                                                                     \
    int name(const char *path, int flags, ...) {                                       \
        mode_t mode = 0;                                                               \
        if (flags & (O_CREAT | O_TMPFILE)) {                                           \
            va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); \
        }                                                                              \
        REAL(name);                                                                    \
        pthread_mutex_lock(&lock);                                                     \
        int64_t began = now();                                                         \
        int was_there = followed(path) && syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0; \
        int fd = opened(real(path, flags, mode), path, flags, was_there, began);       \
        pthread_mutex_unlock(&lock);                                                   \
        return fd;                                                                     \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                   \
    int name(int at, const char *path, int flags, ...) {                               \
        mode_t mode = 0;                                                               \
        if (flags & (O_CREAT | O_TMPFILE)) {                                           \
            va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); \
        }                                                                              \
        REAL(name);                                                                    \
        pthread_mutex_lock(&lock);                                                     \
        int64_t began = now();                                                         \
        int was_there = followed(path) && syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0; \
        int fd = opened(real(at, path, flags, mode), path, flags, was_there, began);   \
        pthread_mutex_unlock(&lock);                                                   \
        return fd;                                                                     \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int fd) {
    REAL(close);
    if (fd >= 0 && fd < MOST) {
        pthread_mutex_lock(&lock);
        of_fd[fd] = 0;
        pthread_mutex_unlock(&lock);
    }
    return real(fd);
}

static ssize_t wrote(uint32_t file, const void *data, off_t offset, ssize_t done, int64_t began) {
    if (done > 0) note(WROTE, file, began, offset, data, done);
    return done;
}

#define PWRITE(name, offset_type)                                                      \
    ssize_t name(int fd, const void *data, size_t length, offset_type offset) {        \
        REAL(name);                                                                    \
        uint32_t file = file_of(fd);                                                   \
        if (!file) return real(fd, data, length, offset);                              \
        pthread_mutex_lock(&lock);                                                     \
        int64_t began = now();                                                         \
        ssize_t done = wrote(file, data, offset, real(fd, data, length, offset), began); \
        pthread_mutex_unlock(&lock);                                                   \
        return done;                                                                   \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *data, size_t length) {
    REAL(write);
    uint32_t file = file_of(fd);
    if (!file) return real(fd, data, length);
    pthread_mutex_lock(&lock);
    int64_t began = now();
    off_t offset = lseek(fd, 0, SEEK_CUR);
    ssize_t done = wrote(file, data, offset, real(fd, data, length), began);
    pthread_mutex_unlock(&lock);
    return done;
}

#define PWRITEV(name, offset_type)                                                     \
    ssize_t name(int fd, const struct iovec *pieces, int count, offset_type offset) {  \
        REAL(name);                                                                    \
        uint32_t file = file_of(fd);                                                   \
        if (!file) return real(fd, pieces, count, offset);                             \
        pthread_mutex_lock(&lock);                                                     \
        int64_t began = now();                                                         \
        ssize_t done = real(fd, pieces, count, offset), left = done;                   \
        for (int i = 0; i < count && left > 0; i++) {                                  \
            ssize_t part = left < (ssize_t)pieces[i].iov_len ? left : (ssize_t)pieces[i].iov_len; \
            wrote(file, pieces[i].iov_base, offset + (done - left), part, began);      \
            left -= part;                                                              \
        }                                                                              \
        pthread_mutex_unlock(&lock);                                                   \
        return done;                                                                   \
    }
PWRITEV(pwritev, off_t)
PWRITEV(pwritev64, off64_t)

#define TRUNCATE(name, offset_type)                                                    \
    int name(int fd, offset_type length) {                                             \
        REAL(name);                                                                    \
        uint32_t file = file_of(fd);                                                   \
        if (!file) return real(fd, length);                                            \
        pthread_mutex_lock(&lock);                                                     \
        int64_t began = now();                                                         \
        int done = real(fd, length);                                                   \
        if (!done) note(TRUNCATED, file, began, length, 0, 0);                         \
        pthread_mutex_unlock(&lock);                                                   \
        return done;                                                                   \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(name)                                                                     \
    int name(int fd) {                                                                 \
        REAL(name);                                                                    \
        if (fd < 0 || fd >= MOST || !of_fd[fd]) return real(fd);                       \
        pthread_mutex_lock(&lock);                                                     \
        int64_t began = now();                                                         \
        if (slow && syscall(SYS_faccessat, AT_FDCWD, slow, F_OK) == 0) usleep(250000);   \
        int done = real(fd);                                                           \
        if (!done) note(of_fd[fd] == FOLDER ? FOLDER_SYNCED : SYNCED, file_of(fd), began, 0, 0, 0); \
        pthread_mutex_unlock(&lock);                                                   \
        return done;                                                                   \
    }
SYNC(fsync)
SYNC(fdatasync)

int unlink(const char *path) {
    REAL(unlink);
    if (!followed(path)) return real(path);
    pthread_mutex_lock(&lock);
    int64_t began = now();
    int done = real(path);
    if (!done) note(REMOVED, 0, began, 0, path, (int64_t)strlen(path));
    pthread_mutex_unlock(&lock);
    return done;
}

int rename(const char *from, const char *to) {
    REAL(rename);
    if (!followed(from) && !followed(to)) return real(from, to);
    pthread_mutex_lock(&lock);
    int64_t began = now();
    char both[2 * PATH_MAX];
    int done = real(from, to);
    int length = snprintf(both, sizeof both, "%s\n%s", from, to);
    if (!done) note(RENAMED, 0, began, 0, both, length);
    pthread_mutex_unlock(&lock);
    return done;
}

/* Delays each fsync and fdatasync by SYNC_MS milliseconds, as a slow SD card does. For LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static int delayed(const char *name, int fd)
{
    const char *setting = getenv("SYNC_MS");
    long ms = setting ? atol(setting) : 0;
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    nanosleep(&pause, NULL);
    return real(fd);
}

int fsync(int fd) { return delayed("fsync", fd); }
int fdatasync(int fd) { return delayed("fdatasync", fd); }

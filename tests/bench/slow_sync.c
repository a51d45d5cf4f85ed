/* A disk whose sync takes long, as an SD card's does: SYNC_MS more for each fsync and fdatasync. LD_PRELOAD it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static int delayed(const char *name, int fd)
{
    const char *told = getenv("SYNC_MS");
    long ms = told ? atol(told) : 0;
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    nanosleep(&pause, NULL);
    return real(fd);
}

int fsync(int fd) { return delayed("fsync", fd); }
int fdatasync(int fd) { return delayed("fdatasync", fd); }

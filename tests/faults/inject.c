/* LD_PRELOAD: the faults of a disk, of a clock, and SIGKILL, at a chosen system call of a chosen process.
 *
 * A call that changes a file, and whose path contains FAULT_PATH, is counted in the file FAULT_COUNTER, which all
 * processes of a command share: a long for all of them, and one for each role. From the FAULT_AT-th on, up to
 * FAULT_TIMES of them, FAULT_HOW befalls it:
 *   kill   SIGKILL before it        after  SIGKILL after it        half   of a write, half of it, and SIGKILL
 *   NUMBER it fails with that errno (a write writes half of it first if FAULT_SHORT is set); 0: it is only noted
 * FAULT_ROLE: only of the command, the worker, the host, the job. FAULT_CALLS: only these calls, with commas.
 * FAULT_NO_LINKS: an errno with which link(2) always fails.
 * FAULT_LOG: a file that gets a line for each strike: role, call, path, and where a rename is from. FAULT_CLOCK: a file with a double, added to the time of day.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const char *wanted_path, *wanted_calls, *wanted_role, *how;
static long at, times;
static volatile long *counter;
static volatile double *clock_offset;
static int depth, is_command, is_ready;
static const char *from = ""; /* of a rename */

static void deeper(void) { depth++; }

static void *shared(const char *variable)
{
    const char *path = getenv(variable);
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *page;
    if (fd < 0) return NULL;
    page = mmap(NULL, 64, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return page == MAP_FAILED ? NULL : page;
}

__attribute__((constructor)) static void begin(void)
{
    char line[4096] = "";
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    long size = fd < 0 ? 0 : read(fd, line, sizeof line - 1);
    if (fd >= 0) close(fd);
    for (long i = 0; i < size; i++) if (!line[i]) line[i] = ' ';
    is_command = strstr(line, " jor_cli ") != NULL;
    if (!is_command && !strstr(line, " jor exec ")) return;
    pthread_atfork(NULL, NULL, deeper);
    wanted_path = getenv("FAULT_PATH");
    wanted_calls = getenv("FAULT_CALLS");
    wanted_role = getenv("FAULT_ROLE");
    how = getenv("FAULT_HOW");
    at = getenv("FAULT_AT") ? atol(getenv("FAULT_AT")) : 1;
    times = getenv("FAULT_TIMES") ? atol(getenv("FAULT_TIMES")) : 1;
    clock_offset = shared("FAULT_CLOCK");
    counter = shared("FAULT_COUNTER");
    is_ready = wanted_path && counter;
}

/* Its number, from 1 on: see roles. */
static int role(void) { return is_command ? (depth ? 5 : 1) : depth > 1 ? 4 : 2 + depth; }

static const char *roles[] = {"", "command", "worker", "host", "job", "starting"};

static void note(const char *call, const char *path)
{
    char line[8400];
    const char *log = getenv("FAULT_LOG");
    int fd = log ? openat(AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    if (fd < 0) return;
    dprintf(fd, "%s", (snprintf(line, sizeof line, "%s\t%s\t%s\t%s\n", roles[role()], call, path, from), line));
    close(fd);
}

/* Tell what is to befall this call: 0 nothing, -1 SIGKILL, else an errno. */
static int strike(const char *call, const char *path)
{
    char padded[32];
    long n;
    if (!is_ready || !strstr(path, wanted_path)) return 0;
    snprintf(padded, sizeof padded, ",%s,", call);
    if (wanted_calls && *wanted_calls && !strstr(wanted_calls, padded)) return 0;
    n = __sync_add_and_fetch(counter, 1);
    if (wanted_role && *wanted_role) {
        long mine = __sync_add_and_fetch(counter + role(), 1);
        if (strcmp(wanted_role, roles[role()])) return 0;
        n = mine;
    } else __sync_add_and_fetch(counter + role(), 1);
    if (!how || n < at || n >= at + times) return 0;
    is_ready = 0;
    note(call, path);
    is_ready = 1;
    return *how >= '0' && *how <= '9' ? atoi(how) : -1;
}

static void die(void) { kill(getpid(), SIGKILL); for (;;) pause(); }

static const char *of_fd(int fd, char *path)
{
    char link[64];
    ssize_t size;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    size = readlink(link, path, 4095);
    path[size < 0 ? 0 : size] = 0;
    return path;
}

static const char *of_name(int folder, const char *name, char *path)
{
    char base[4096];
    if (name[0] == '/' || folder == AT_FDCWD) return name;
    snprintf(path, 4096, "%s/%s", of_fd(folder, base), name);
    return path;
}

#define REAL(name) static __typeof__(name) *real; int saved = errno; if (!real) real = dlsym(RTLD_NEXT, #name); errno = saved

/* A call that is struck before or after it as a whole. */
#define AROUND(call, path, does)                                  \
    do {                                                          \
        int what = strike(call, path);                            \
        if (what > 0) { errno = what; return -1; }                \
        if (what < 0 && strcmp(how, "after")) die();              \
        int result = does;                                        \
        if (what < 0) die();                                      \
        return result;                                            \
    } while (0)

#define OPENING(name)                                             \
    int name(const char *path, int flags, ...)                    \
    {                                                             \
        va_list rest; va_start(rest, flags);                      \
        mode_t mode = va_arg(rest, mode_t); va_end(rest);         \
        REAL(name);                                               \
        if (!(flags & (O_WRONLY | O_RDWR | O_CREAT))) return real(path, flags, mode); \
        AROUND("open", path, real(path, flags, mode));            \
    }
OPENING(open)
OPENING(open64)

#define OPENING_AT(name)                                          \
    int name(int folder, const char *path, int flags, ...)        \
    {                                                             \
        char whole[4096];                                         \
        va_list rest; va_start(rest, flags);                      \
        mode_t mode = va_arg(rest, mode_t); va_end(rest);         \
        REAL(name);                                               \
        if (!(flags & (O_WRONLY | O_RDWR | O_CREAT))) return real(folder, path, flags, mode); \
        AROUND("open", of_name(folder, path, whole), real(folder, path, flags, mode)); \
    }
OPENING_AT(openat)
OPENING_AT(openat64)

ssize_t write(int fd, const void *data, size_t size)
{
    char path[4096];
    int what;
    REAL(write);
    if (!is_ready) return real(fd, data, size);
    what = strike("write", of_fd(fd, path));
    if (what > 0) {
        if (getenv("FAULT_SHORT") && size > 1) return real(fd, data, size / 2);
        errno = what;
        return -1;
    }
    if (what < 0 && !strcmp(how, "half")) real(fd, data, size / 2);
    if (what < 0 && !strcmp(how, "after")) real(fd, data, size);
    if (what < 0) die();
    return real(fd, data, size);
}

int rename(const char *a, const char *b) { REAL(rename); from = a; AROUND("rename", b, (from = "", real(a, b))); }
/* FAULT_NO_LINKS: the errno of a file system that has no hard links. */
#define NO_LINKS() do { const char *none = getenv("FAULT_NO_LINKS"); if (none) { errno = atoi(none); return -1; } } while (0)

int link(const char *a, const char *b) { REAL(link); NO_LINKS(); AROUND("link", b, real(a, b)); }
int linkat(int i, const char *a, int k, const char *b, int f) { REAL(linkat); NO_LINKS(); AROUND("link", b, real(i, a, k, b, f)); }
int unlink(const char *path) { REAL(unlink); AROUND("unlink", path, real(path)); }
int mkdir(const char *path, mode_t mode) { REAL(mkdir); AROUND("mkdir", path, real(path, mode)); }
int rmdir(const char *path) { REAL(rmdir); AROUND("rmdir", path, real(path)); }

int unlinkat(int folder, const char *name, int flags)
{
    char path[4096];
    REAL(unlinkat);
    AROUND("unlink", of_name(folder, name, path), real(folder, name, flags));
}

int fsync(int fd) { char path[4096]; REAL(fsync); AROUND("fsync", of_fd(fd, path), real(fd)); }
int fdatasync(int fd) { char path[4096]; REAL(fdatasync); AROUND("fsync", of_fd(fd, path), real(fd)); }

int close(int fd)
{
    char path[4096];
    int what;
    REAL(close);
    if (!is_ready || (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY) return real(fd); /* O_DIRECTORY as well */
    of_fd(fd, path);
    what = path[0] == '/' ? strike("close", path) : 0;
    if (what < 0 && strcmp(how, "after")) die();
    int result = real(fd); /* an error of close(2) leaves the descriptor closed */
    if (what < 0) die();
    if (what > 0) { errno = what; return -1; }
    return result;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result;
    REAL(clock_gettime);
    result = real(clock, now);
    if (!result && clock == CLOCK_REALTIME && clock_offset) now->tv_sec += (time_t)*clock_offset;
    return result;
}

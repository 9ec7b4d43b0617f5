/* confine: what an isolated component's process may use and ask of the system. The filter is a list of what
 * is allowed, written as BPF by hand; everything else fails with EPERM. */
#include <base/check.h>
#include <base/error.h>
#include <base/mem.h>
#include <errno.h>
#include <isolate/child.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

/* Processor time apart, there are three kinds: memory, threads and time; files; what is connected already. */
static const int allowed[] = {
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev, SYS_lseek, SYS_close,
    SYS_close_range, SYS_dup, SYS_dup3, SYS_fcntl, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_statfs, SYS_fstatfs,
    SYS_openat, SYS_openat2, SYS_readlinkat, SYS_faccessat, SYS_faccessat2, SYS_getdents64, SYS_getcwd, SYS_mkdirat, SYS_unlinkat,
    SYS_renameat, SYS_renameat2, SYS_linkat, SYS_ftruncate, SYS_truncate, SYS_fallocate, SYS_fsync, SYS_fdatasync,
    SYS_sync_file_range, SYS_fadvise64, SYS_flock, SYS_fchmod, SYS_fchmodat, SYS_fchown, SYS_utimensat, SYS_umask, SYS_sendfile,
    SYS_inotify_init1, SYS_inotify_add_watch, SYS_inotify_rm_watch,
    SYS_brk, SYS_mmap, SYS_munmap, SYS_mprotect, SYS_mremap, SYS_madvise, SYS_mlock, SYS_munlock, SYS_membarrier,
    SYS_futex, SYS_set_robust_list, SYS_get_robust_list, SYS_rseq, SYS_set_tid_address, SYS_gettid, SYS_getpid, SYS_getppid,
    SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_sched_yield, SYS_sched_getaffinity, SYS_exit, SYS_exit_group,
    SYS_restart_syscall, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigtimedwait, SYS_sigaltstack,
    SYS_nanosleep, SYS_clock_nanosleep, SYS_clock_gettime, SYS_clock_getres, SYS_gettimeofday, SYS_times, SYS_getrusage,
    SYS_sysinfo, SYS_uname, SYS_getrandom,
    SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_eventfd2, SYS_timerfd_create, SYS_timerfd_settime,
    SYS_timerfd_gettime, SYS_pipe2, SYS_ppoll, SYS_pselect6,
    SYS_recvfrom, SYS_sendto, SYS_recvmsg, SYS_sendmsg, SYS_recvmmsg, SYS_sendmmsg, SYS_shutdown, SYS_getsockopt,
    SYS_setsockopt, SYS_getsockname, SYS_getpeername,
#if defined(__x86_64__)
    SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_getdents, SYS_mkdir, SYS_rmdir, SYS_unlink, SYS_rename, SYS_link,
    SYS_chmod, SYS_dup2, SYS_pipe, SYS_poll, SYS_select, SYS_epoll_wait, SYS_epoll_create, SYS_time, SYS_arch_prctl,
#endif
};
static const int when_dialling[] = {SYS_connect, SYS_bind};    /* bind: resolvers ask from a port of their own */
static const int domains[] = {AF_INET, AF_INET6, AF_NETLINK, AF_UNIX};

#define AT(member) offsetof(struct seccomp_data, member)
#define ARGUMENT(n) (AT(args) + (n) * 8)   /* its lower half */
#define REFUSE (SECCOMP_RET_ERRNO | EPERM)
#define MOST 640

struct program {
    struct sock_filter at[MOST];
    uint32_t count;
};

static void add(struct program *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
    check(p->count < MOST);
    p->at[p->count++] = (struct sock_filter){code, yes, no, k};
}

static void load(struct program *p, size_t offset)
{
    add(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void answer(struct program *p, uint32_t with)
{
    add(p, BPF_RET | BPF_K, with, 0, 0);
}

/* Equal: with; else go on. */
static void when(struct program *p, uint32_t value, uint32_t with)
{
    add(p, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    answer(p, with);
}

/* The call with this number is judged by one of its arguments: one of values, or refused. */
static void when_argument(struct program *p, uint32_t number, uint32_t argument, const int *values, uint32_t count)
{
    add(p, BPF_JMP | BPF_JEQ | BPF_K, number, 0, (uint8_t)(2 + 2 * count));
    load(p, ARGUMENT(argument));
    for (uint32_t i = 0; i < count; i++)
        when(p, (uint32_t)values[i], SECCOMP_RET_ALLOW);
    answer(p, REFUSE);
}

/* A thread, not a process; clone3 hides its flags, so that libc is sent back to clone. */
static void allow_threads(struct program *p)
{
    add(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4);
    load(p, ARGUMENT(0));
    add(p, BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1);
    answer(p, SECCOMP_RET_ALLOW);
    answer(p, REFUSE);
    when(p, SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS);
}

/* Limits may be read. The pointer to a new one has two halves. */
static void allow_reading_limits(struct program *p)
{
    add(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_prlimit64, 0, 6);
    load(p, ARGUMENT(2));
    add(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3);
    load(p, ARGUMENT(2) + 4);
    add(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
    answer(p, SECCOMP_RET_ALLOW);
    answer(p, REFUSE);
}

static void write_filter(struct program *p, bool may_dial)
{
    static const int names[] = {PR_SET_NAME}, controls[] = {FIONBIO, FIONREAD, TCGETS};
    const int own[] = {getpid()};
    load(p, AT(arch));
    add(p, BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    answer(p, SECCOMP_RET_KILL_PROCESS);
    load(p, AT(nr));
    for (uint32_t i = 0; i < countof(allowed); i++)
        when(p, (uint32_t)allowed[i], SECCOMP_RET_ALLOW);
    for (uint32_t i = 0; may_dial && i < countof(when_dialling); i++)
        when(p, (uint32_t)when_dialling[i], SECCOMP_RET_ALLOW);
    allow_threads(p);
    allow_reading_limits(p);
    when_argument(p, SYS_socket, 0, domains, may_dial ? countof(domains) : 0);
    when_argument(p, SYS_prctl, 0, names, countof(names));
    when_argument(p, SYS_ioctl, 1, controls, countof(controls));
    when_argument(p, SYS_tgkill, 0, own, 1);           /* abort */
    answer(p, REFUSE);
}

static trb_code filter(bool may_dial, struct trb_error *err)
{
    struct program p = {.count = 0};
    write_filter(&p, may_dial);
    struct sock_fprog program = {(unsigned short)p.count, p.at};
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        return error_errno(err, errno, "confining the component's process");
    return TRB_OK;
}

static trb_code limit(int what, uint64_t to, const char *name, struct trb_error *err)
{
    struct rlimit now, wanted = {to, to};
    if (getrlimit(what, &now))
        return error_errno(err, errno, name);
    if (wanted.rlim_max > now.rlim_max)
        wanted.rlim_cur = wanted.rlim_max = now.rlim_max;
    return setrlimit(what, &wanted) ? error_errno(err, errno, name) : TRB_OK;
}

trb_code confine(const struct trb_isolate_setup *s, struct trb_error *err)
{
    trb_code code = limit(RLIMIT_CORE, 0, "the limit of core files", err);
#ifndef TRB_SANITIZED                      /* they need terabytes of address space, and more calls */
    if (!code && s->memory_bytes)
        code = limit(RLIMIT_DATA, s->memory_bytes, "the limit of memory", err);
#endif
    if (!code && s->descriptors)
        code = limit(RLIMIT_NOFILE, s->descriptors, "the limit of descriptors", err);
    if (!code && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        code = error_errno(err, errno, "confining the component's process");
    if (!code && !s->may_open && landlock_is_there())
        code = landlock_confine(s, err);
    return code ? code : filter(s->may_dial, err);
}

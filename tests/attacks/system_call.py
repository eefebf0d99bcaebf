# expects: refused
# category: kernel
# control: any
# case io_setup (kernel): {"number": 206, "arguments": [1, 0]}
# case swapon (kernel): {"number": 167, "arguments": [0, 0, 0, 0, 0, 0]}
# case swapoff (kernel): {"number": 168, "arguments": [0, 0, 0, 0, 0, 0]}
# case reboot (kernel): {"number": 169, "arguments": [0, 0, 0, 0, 0, 0]}
# case sethostname (privilege): {"number": 170, "arguments": [0, -1]}
# case setdomainname (privilege): {"number": 171, "arguments": [0, -1]}
# case iopl (privilege): {"number": 172, "arguments": [3]}
# case ioperm (privilege): {"number": 173, "arguments": [0, 0, 0, 0, 0, 0]}
# case init_module (kernel): {"number": 175, "arguments": [0, 0, 0, 0, 0, 0]}
# case delete_module (kernel): {"number": 176, "arguments": [0, 0, 0, 0, 0, 0]}
# case finit_module (kernel): {"number": 313, "arguments": [0, 0, 0, 0, 0, 0]}
# case kexec_load (kernel): {"number": 246, "arguments": [0, 1000, 0, 0]}
# case kexec_file_load (kernel): {"number": 320, "arguments": [-1, -1, 0, 0, 0]}
# case acct (kernel): {"number": 163, "arguments": [1]}
# case settimeofday (kernel): {"number": 164, "arguments": [0, 0, 0, 0, 0, 0]}
# case clock_settime (kernel): {"number": 227, "arguments": [0, 0, 0, 0, 0, 0]}
# case adjtimex (kernel): {"number": 159, "arguments": [0, 0, 0, 0, 0, 0]}
# case clock_adjtime (kernel): {"number": 305, "arguments": [0, 0, 0, 0, 0, 0]}
# case quotactl (files): {"number": 179, "arguments": [0, 0, 0, 0, 0, 0]}
# case quotactl_fd (files): {"number": 443, "arguments": [0, 0, 0, 0, 0, 0]}
# case syslog (kernel): {"number": 103, "arguments": [10]}
# case personality (kernel): {"number": 135, "arguments": [262144]}
# case modify_ldt (kernel): {"number": 154, "arguments": [0, 0, 0, 0, 0, 0]}
# case pivot_root (privilege): {"number": 155, "arguments": [0, 0, 0, 0, 0, 0]}
# case umount2 (privilege): {"number": 166, "arguments": [0, 0, 0, 0, 0, 0]}
# case open_tree (privilege): {"number": 428, "arguments": [0, 0, 0, 0, 0, 0]}
# case move_mount (privilege): {"number": 429, "arguments": [0, 0, 0, 0, 0, 0]}
# case fsopen (privilege): {"number": 430, "arguments": [0, 0]}
# case fsconfig (privilege): {"number": 431, "arguments": [0, 0, 0, 0, 0, 0]}
# case fsmount (privilege): {"number": 432, "arguments": [0, 0, 0, 0, 0, 0]}
# case fspick (privilege): {"number": 433, "arguments": [0, 0, 0, 0, 0, 0]}
# case mount_setattr (privilege): {"number": 442, "arguments": [0, 0, 0, 0, 0, 0]}
# case add_key (kernel): {"number": 248, "arguments": [0, 0, 0, 0, 0, 0]}
# case request_key (kernel): {"number": 249, "arguments": [0, 0, 0, 0, 0, 0]}
# case memfd_secret (kernel): {"number": 447, "arguments": [0]}
# case fanotify_init (files): {"number": 300, "arguments": [0, 0, 0, 0, 0, 0]}
# case fanotify_mark (files): {"number": 301, "arguments": [0, 0, 0, 0, 0, 0]}
# case inotify_init1 (files): {"number": 294, "arguments": [0]}
# case lookup_dcookie (kernel): {"number": 212, "arguments": [0, 0, 0, 0, 0, 0]}
# case mbind (kernel): {"number": 237, "arguments": [0, 0, 0, 0, 0, 0]}
# case set_mempolicy (kernel): {"number": 238, "arguments": [0, 0, 0, 0, 0, 0]}
# case get_mempolicy (kernel): {"number": 239, "arguments": [0, 0, 0, 0, 0, 0]}
# case migrate_pages (kernel): {"number": 256, "arguments": [0, 0, 0, 0, 0, 0]}
# case move_pages (kernel): {"number": 279, "arguments": [0, 0, 0, 0, 0, 0]}
# case remap_file_pages (resources): {"number": 216, "arguments": [0, 0, 0, 0, 0, 0]}
# case vmsplice (kernel): {"number": 278, "arguments": [0, 0, 0, 0, 0, 0]}
# case process_vm_writev (processes): {"number": 311, "arguments": [0, 0, 0, 0, 0, 0]}
# case process_madvise (processes): {"number": 440, "arguments": [0, 0, 0, 0, 0, 0]}
# case process_mrelease (processes): {"number": 448, "arguments": [0, 0, 0, 0, 0, 0]}
# case kcmp (processes): {"number": 312, "arguments": [0, 0, 0, 0, 0, 0]}
# case pidfd_getfd (processes): {"number": 438, "arguments": [0, 0, 0, 0, 0, 0]}
# case pidfd_send_signal (processes): {"number": 424, "arguments": [0, 0, 0, 0, 0, 0]}
# case rt_sigqueueinfo (processes): {"number": 129, "arguments": [0, 0, 0, 0, 0, 0]}
# case rt_tgsigqueueinfo (processes): {"number": 297, "arguments": [0, 0, 0, 0, 0, 0]}
# case setuid (privilege): {"number": 105, "arguments": [0]}
# case setgid (privilege): {"number": 106, "arguments": [0]}
# case setreuid (privilege): {"number": 113, "arguments": [0, 0]}
# case setregid (privilege): {"number": 114, "arguments": [0, 0]}
# case setgroups (privilege): {"number": 116, "arguments": [0, 0]}
# case setresuid (privilege): {"number": 117, "arguments": [0, 0, 0]}
# case setresgid (privilege): {"number": 119, "arguments": [0, 0, 0]}
# case setfsuid (privilege): {"number": 122, "arguments": [0]}
# case capset (privilege): {"number": 126, "arguments": [0, 0, 0, 0, 0, 0]}
# case chroot (privilege): {"number": 161, "arguments": [0, 0, 0, 0, 0, 0]}
# case unshare (privilege): {"number": 272, "arguments": [131072]}
# case setns (privilege): {"number": 308, "arguments": [0, 0]}
# case execve (processes): {"number": 59, "arguments": [0, 0, 0, 0, 0, 0]}
# case execveat (processes): {"number": 322, "arguments": [0, 0, 0, 0, 0, 0]}
# case setsid (processes): {"number": 112, "arguments": []}
# case setpgid (processes): {"number": 109, "arguments": [0, 0]}
# case sched_setscheduler (processes): {"number": 144, "arguments": [0, 3, 0]}
# case sched_setattr (processes): {"number": 314, "arguments": [0, 0, 0, 0, 0, 0]}
# case ioprio_set (processes): {"number": 251, "arguments": [0, 0, 0, 0, 0, 0]}
# case mknod (files): {"number": 133, "arguments": [0, 0, 0, 0, 0, 0]}
# case mknodat (files): {"number": 259, "arguments": [0, 0, 0, 0, 0, 0]}
# case chown (files): {"number": 92, "arguments": [0, 0, 0, 0, 0, 0]}
# case lchown (files): {"number": 94, "arguments": [0, 0, 0, 0, 0, 0]}
# case fchownat (files): {"number": 260, "arguments": [0, 0, 0, 0, 0, 0]}
# case name_to_handle_at (files): {"number": 303, "arguments": [0, 0, 0, 0, 0, 0]}
# case seccomp (privilege): {"number": 317, "arguments": [1, 0, 0]}
# case landlock_restrict_self (privilege): {"number": 446, "arguments": [0, 0, 0, 0, 0, 0]}
# case shmat (resources): {"number": 30, "arguments": [0, 0, 0, 0, 0, 0]}
# case mq_unlink (kernel): {"number": 241, "arguments": [0, 0, 0, 0, 0, 0]}
# case timer_create (kernel): {"number": 222, "arguments": [0, 0, 0]}
# case signalfd4 (kernel): {"number": 289, "arguments": [-1, 0, 8, 0]}
# case vhangup (kernel): {"number": 153, "arguments": []}
# case uselib (kernel): {"number": 134, "arguments": [0, 0, 0, 0, 0, 0]}
# case nfsservctl (kernel): {"number": 180, "arguments": [0, 0, 0, 0, 0, 0]}
# case getpmsg (kernel): {"number": 181, "arguments": [0, 0, 0, 0, 0, 0]}
# case tuxcall (kernel): {"number": 184, "arguments": [0, 0, 0, 0, 0, 0]}
# case security (kernel): {"number": 185, "arguments": [0, 0, 0, 0, 0, 0]}
# case prctl_seccomp (privilege): {"number": 157, "arguments": [22, 2, 0]}
# case prctl_keepcaps (privilege): {"number": 157, "arguments": [8, 1]}
# case prctl_ambient (privilege): {"number": 157, "arguments": [47, 2, 0]}
# case prctl_name_of_others (kernel): {"number": 157, "arguments": [59, 0]}
# case arch_prctl_cpuid (kernel): {"number": 158, "arguments": [4114, 0]}
# case mlock (resources): {"number": 149, "arguments": [0, 0, 0, 0, 0, 0]}
# case mlockall (resources): {"number": 151, "arguments": [1]}
# case mlock2 (resources): {"number": 325, "arguments": [0, 0, 0, 0, 0, 0]}
# case io_uring_enter (kernel): {"number": 426, "arguments": [0, 0, 0, 0, 0, 0]}
# case io_uring_register (kernel): {"number": 427, "arguments": [0, 0, 0, 0, 0, 0]}
# case bind (network): {"number": 49, "arguments": [0, 0, 0, 0, 0, 0]}
# case listen (network): {"number": 50, "arguments": [0, 0, 0, 0, 0, 0]}
# case accept4 (network): {"number": 288, "arguments": [0, 0, 0, 0, 0, 0]}
# case sendmmsg (network): {"number": 307, "arguments": [0, 0, 0, 0, 0, 0]}
# case sendmsg (network): {"number": 46, "arguments": [0, 0, 0, 0, 0, 0]}
# case recvmmsg (network): {"number": 299, "arguments": [0, 0, 0, 0, 0, 0]}
# case statmount (files): {"number": 457, "arguments": [0, 0, 0, 0, 0, 0]}
# case listmount (files): {"number": 458, "arguments": [0, 0, 0, 0, 0, 0]}
# case lsm_set_self_attr (privilege): {"number": 460, "arguments": [0, 0, 0, 0, 0, 0]}
# case map_shadow_stack (kernel): {"number": 453, "arguments": [0, 0, 0, 0, 0, 0]}
# case futex_requeue (kernel): {"number": 456, "arguments": [0, 0, 0, 0, 0, 0]}
# case ustat (files): {"number": 136, "arguments": [0, 0, 0, 0, 0, 0]}
# case mincore (neighbours): {"number": 27, "arguments": [0, 0, 0]}
# case cachestat (neighbours): {"number": 451, "arguments": [-1, 0, 0, 0]}
# case readahead (neighbours): {"number": 187, "arguments": [-1, 0, 0]}
# case sync (neighbours): {"number": 162, "arguments": []}
# case syncfs (neighbours): {"number": 306, "arguments": [-1]}
# case futex_waitv (kernel): {"number": 449, "arguments": [0, 0, 0, 0, 0]}
# case futex_wake (kernel): {"number": 454, "arguments": [0, 0, 0, 0]}
# case openat2 (files): {"number": 437, "arguments": [-100, 0, 0, 0]}
# case fchmodat2 (files): {"number": 452, "arguments": [-100, 0, 0, 0]}
# case setxattrat (files): {"number": 463, "arguments": [-100, 0, 0, 0, 0, 0]}
# case file_setattr (files): {"number": 469, "arguments": [-100, 0, 0, 0, 0]}
# case open_tree_attr (privilege): {"number": 467, "arguments": [-100, 0, 0, 0, 0]}
# case landlock_create_ruleset (privilege): {"number": 444, "arguments": [0, 0, 1]}
# case landlock_add_rule (privilege): {"number": 445, "arguments": [-1, 1, 0, 0]}
# case splice (descriptors): {"number": 275, "arguments": [-1, 0, -1, 0, 0, 0]}
# case tee (descriptors): {"number": 276, "arguments": [-1, -1, 0, 0]}
# case recvmsg (descriptors): {"number": 47, "arguments": [-1, 0, 0]}
# case setsockopt (descriptors): {"number": 54, "arguments": [-1, 1, 8, 0, 0]}
# case eventfd2 (descriptors): {"number": 290, "arguments": [0, 0]}
# case timerfd_create (resources): {"number": 283, "arguments": [1, 0]}
# case inotify_add_watch (neighbours): {"number": 254, "arguments": [-1, 0, 0]}
# case sched_setparam (processes): {"number": 142, "arguments": [0, 0]}
# case getpriority (processes): {"number": 140, "arguments": [0, 0]}
# case tkill (processes): {"number": 200, "arguments": [-1, 0]}
# case wait4 (processes): {"number": 61, "arguments": [-1, 0, 1, 0]}
# case set_thread_area (kernel): {"number": 205, "arguments": [0]}
# case mseal (kernel): {"number": 462, "arguments": [0, 0, 0]}
# case sysfs (kernel): {"number": 139, "arguments": [0, 0, 0, 0, 0, 0]}
"""Make a system call that no script needs, with arguments that do no harm."""

import ctypes
import os


def main(number, arguments, **_):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, *[ctypes.c_long(one) for one in arguments]) >= 0:
        return "reached"
    error = ctypes.get_errno()
    return "refused" if error in (1, 38) else f"answered: {os.strerror(error)}"

# expects: refused
# category: files
# control: any
# case shadow (files): {"path": "/etc/shadow"}
# case hosts (files): {"path": "/etc/hosts"}
# case hostname (files): {"path": "/etc/hostname"}
# case resolver (files): {"path": "/etc/resolv.conf"}
# case machine_id (files): {"path": "/etc/machine-id"}
# case environment_of_init (files): {"path": "/proc/1/environ"}
# case own_environment (files): {"path": "/proc/self/environ"}
# case own_memory (files): {"path": "/proc/self/mem"}
# case maps_of_init (files): {"path": "/proc/1/maps"}
# case own_smaps (files): {"path": "/proc/self/smaps"}
# case own_status (files): {"path": "/proc/self/status"}
# case time_zone_of_the_machine (files): {"path": "/etc/localtime"}
# case locales (files): {"path": "/usr/lib/locale/locale-archive"}
# case command_lines (files): {"path": "/proc/1/cmdline"}
# case mounts (files): {"path": "/proc/self/mountinfo"}
# case kernel_symbols (files): {"path": "/proc/kallsyms"}
# case kernel_memory (files): {"path": "/proc/kcore"}
# case kernel_version (files): {"path": "/proc/version"}
# case network_table (files): {"path": "/proc/net/tcp"}
# case cgroup (files): {"path": "/proc/self/cgroup"}
# case sysctl (files): {"path": "/proc/sys/kernel/core_pattern"}
# case physical_memory (files): {"path": "/dev/mem"}
# case kernel_log (files): {"path": "/dev/kmsg"}
# case terminal (files): {"path": "/dev/tty"}
# case new_terminal (files): {"path": "/dev/ptmx"}
# case fuse (files): {"path": "/dev/fuse"}
# case kvm (files): {"path": "/dev/kvm"}
# case disk (files): {"path": "/dev/vda"}
# case random_device (files): {"path": "/dev/hwrng"}
# case keys_of_root (files): {"path": "/root/.ssh/id_rsa"}
# case bash_history (files): {"path": "/root/.bash_history"}
# case docker_socket (files): {"path": "/var/run/docker.sock"}
# case service_account (files): {"path": "/var/run/secrets/kubernetes.io/serviceaccount/token"}
# case dmi (files): {"path": "/sys/class/dmi/id/product_name"}
# case vulnerabilities (files): {"path": "/sys/devices/system/cpu/vulnerabilities/meltdown"}
# case cgroup_limit (files): {"path": "/sys/fs/cgroup/memory/memory.limit_in_bytes"}
# case debug (files): {"path": "/sys/kernel/debug"}
# case bpf (files): {"path": "/sys/fs/bpf"}
# case log (files): {"path": "/var/log/dpkg.log"}
# case package_list (files): {"path": "/var/lib/dpkg/status"}
# case crontab (files): {"path": "/etc/crontab"}
# case up_and_out (files): {"path": "../../../../../../etc/passwd"}
# case root_of_init (files): {"path": "/proc/1/root/etc/passwd"}
# case descriptors_of_init (files): {"path": "/proc/1/fd/1"}
"""Read what is no business of a script."""

import os


def main(path, **_):
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        os.read(opened, 1) if not os.path.isdir(path) else os.listdir(opened)
    except OSError:
        return "refused"
    return "reached"

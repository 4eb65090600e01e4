"""What the system lets a server have: a locale, memory, descriptors, processes."""

import re
import resource
from collections.abc import Iterator

from mod_pywsgi.doctor.model import Finding, Subject, hint, ok

_LEAST_FILES = 1024
_PER_PROCESS = 64  # MiB that a process of an application of some size has
_FOR_APACHE = 32  # MiB
_MIB = 1024 * 1024


def locale(subject: Subject) -> Iterator[Finding]:
    name = subject.plan.locale
    if name:
        yield ok(name)
    else:
        yield hint(
            "this system has no UTF-8 locale: names of files in other than ASCII will not work",
            "Debian and Ubuntu: apt-get install locales && locale-gen C.UTF-8\n"
            "Fedora and RHEL:   dnf install glibc-langpack-en && export LANG=en_US.UTF-8",
        )


def limits(subject: Subject) -> Iterator[Finding]:
    troubles = [*_files(), *_memory(subject), *_tasks(subject)]
    yield from troubles
    if not troubles:
        yield ok("descriptors, memory and processes: enough for these options")


def _files() -> Iterator[Finding]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _LEAST_FILES:
        most = "65536" if hard == resource.RLIM_INFINITY else str(min(hard, 65536))
        yield hint(
            f"a process may have {soft} descriptors; a connection needs two or three",
            f"ulimit -n {most}   # in a service of systemd: LimitNOFILE={most}",
        )
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        yield hint(
            f"the address space of a process is limited to {soft // _MIB} MiB, of which the stacks"
            " of threads take most without using it",
            "ulimit -v unlimited   # limit memory by a cgroup instead: MemoryMax=",
        )


def _memory(subject: Subject) -> Iterator[Finding]:
    found = _control_group(subject, "memory.max", "memory", "memory.limit_in_bytes")
    if found is None:
        return
    processes = subject.plan.application.processes.most
    limit, wanted = found // _MIB, _FOR_APACHE + processes * _PER_PROCESS
    if limit < wanted:
        count = f"{processes} processes" if processes > 1 else "Apache and a process"
        yield hint(
            f"{limit} MiB of memory is the limit here, and {count} may well need {wanted}",
            "--processes 1, or --preload: forked processes share what they have imported"
            if processes > 1
            else "Raise the limit: docker run --memory, MemoryMax= of the service",
        )


def _tasks(subject: Subject) -> Iterator[Finding]:
    plan = subject.plan
    threads = plan.mpm.clients + plan.application.processes.most * (plan.application.threads + 8)
    found = _control_group(subject, "pids.max", "pids", "pids.max")
    if found is not None and found < threads:
        yield hint(
            f"{found} processes and threads are the limit here, and there may be {threads} at"
            " the busiest",
            "Raise the limit: docker run --pids-limit, TasksMax= of the service",
        )


def _control_group(subject: Subject, name: str, controller: str, old: str) -> int | None:
    """The limit of this process's control group or of one above it; None where there is none."""
    found: list[int] = []
    for line in subject.read("/proc/self/cgroup").splitlines():
        number, controllers, path = (*line.split(":", 2), "", "")[:3]
        if number == "0" and not controllers:
            base, file = "/sys/fs/cgroup", name
        elif controller in controllers.split(","):
            base, file = f"/sys/fs/cgroup/{controller}", old
        else:
            continue
        parts = [part for part in path.split("/") if part and part != ".."]
        for depth in range(len(parts) + 1):
            text = subject.read("/".join([base, *parts[:depth], file])).strip()
            # The first version says "no limit" by a number near 2^63.
            if text.isdecimal() and int(text) < 1 << 60:
                found.append(int(text))
    return min(found, default=None)


def confinement(subject: Subject) -> Iterator[Finding]:
    quiet = True
    if subject.read("/sys/fs/selinux/enforce").strip() == "1":
        quiet = False
        root = subject.plan.application.working_directory
        yield hint(
            "SELinux is enforcing. It lets what you start from a shell do its work; an Apache that"
            " systemd starts may run and read only what is labelled for it",
            "What was refused:       sudo ausearch -m avc -ts recent\n"
            f"To let Apache read it:  sudo chcon -R -t httpd_sys_content_t {root}\n"
            "To let it connect out:  sudo setsebool -P httpd_can_network_connect on",
        )
    profile = _apparmor_profile(subject)
    if profile:
        quiet = False
        yield hint(
            f"AppArmor has a profile for Apache ({profile}); it decides what the application may"
            " read as well",
            "What was refused:  sudo dmesg | grep -i apparmor.*DENIED\n"
            f"To only be told:   sudo aa-complain {profile}",
        )
    if quiet:
        yield ok("neither confines Apache here")


def _apparmor_profile(subject: Subject) -> str:
    if subject.read("/sys/module/apparmor/parameters/enabled").strip() != "Y":
        return ""
    loaded = subject.read("/sys/kernel/security/apparmor/profiles")
    for program in (str(subject.apache.program), "apache2", "httpd"):
        found = re.search(rf"^(\S*{re.escape(program)}) \(enforce\)", loaded, re.MULTILINE)
        if found:
            return found[1]
    return ""

"""The system calls that user code is refused, with the reason for each.

Numbers are those of x86-64 and of aarch64, in this order; None where a machine has no
such call. Everything else is allowed: what a program needs is not known beforehand.
"""

from dataclasses import dataclass

MACHINES = ("x86_64", "aarch64")


@dataclass(frozen=True)
class Refusal:
    """Calls that are refused for one reason."""

    reason: str
    calls: dict[str, tuple[int | None, int | None]]


ALWAYS = (
    Refusal(
        "changes which files are seen where",
        {
            "mount": (165, 40),
            "umount2": (166, 39),
            "pivot_root": (155, 41),
            "chroot": (161, 51),
            "open_tree": (428, 428),
            "move_mount": (429, 429),
            "fsopen": (430, 430),
            "fsconfig": (431, 431),
            "fsmount": (432, 432),
            "fspick": (433, 433),
            "mount_setattr": (442, 442),
            "open_tree_attr": (467, 467),
        },
    ),
    Refusal(
        "makes namespaces, in which a process has every capability and much more of "
        "the kernel is within its reach",
        {"unshare": (272, 97), "setns": (308, 268)},
    ),
    Refusal(
        "reads or steers another process",
        {
            "ptrace": (101, 117),
            "process_vm_readv": (310, 270),
            "process_vm_writev": (311, 271),
            "pidfd_getfd": (438, 438),
            "kcmp": (312, 272),
            "process_madvise": (440, 440),
            "process_mrelease": (448, 448),
            "migrate_pages": (256, 238),
            "move_pages": (279, 239),
        },
    ),
    Refusal(
        "has often been the way into the kernel, and no function needs it",
        {
            "bpf": (321, 280),
            "perf_event_open": (298, 241),
            "userfaultfd": (323, 282),
            "io_uring_setup": (425, 425),
            "io_uring_enter": (426, 426),
            "io_uring_register": (427, 427),
            "modify_ldt": (154, None),
            "vmsplice": (278, 75),
        },
    ),
    Refusal(
        "keys are kept per user and seen by all its processes",
        {"add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219)},
    ),
    Refusal(
        "memory that not even the kernel may look into, which no limit counts",
        {"memfd_secret": (447, 447)},
    ),
    Refusal(
        "opens files past the folders they are in, or watches those of others",
        {
            "open_by_handle_at": (304, 265),
            "name_to_handle_at": (303, 264),
            "fanotify_init": (300, 262),
        },
    ),
    Refusal(
        "is for whoever administers the host",
        {
            "reboot": (169, 142),
            "kexec_load": (246, 104),
            "kexec_file_load": (320, 294),
            "init_module": (175, 105),
            "finit_module": (313, 273),
            "delete_module": (176, 106),
            "swapon": (167, 224),
            "swapoff": (168, 225),
            "acct": (163, 89),
            "quotactl": (179, 60),
            "quotactl_fd": (443, 443),
            "settimeofday": (164, 170),
            "clock_settime": (227, 112),
            "adjtimex": (159, 171),
            "clock_adjtime": (305, 266),
            "sethostname": (170, 161),
            "setdomainname": (171, 162),
            "iopl": (172, None),
            "ioperm": (173, None),
            "syslog": (103, 116),
            "vhangup": (153, 58),
            "lookup_dcookie": (212, 18),
            "nfsservctl": (180, 42),
            "ioprio_set": (251, 30),
        },
    ),
    Refusal(
        "switches off what makes memory hard to guess, or asks for another machine's "
        "calls",
        {"personality": (135, 92)},
    ),
)

# Where no IPC namespace keeps what they make apart.
SHARED_IPC = Refusal(
    "what it makes is seen by every process of the host, and stays",
    {
        "shmget": (29, 194),
        "shmat": (30, 196),
        "msgget": (68, 186),
        "semget": (64, 190),
        "mq_open": (240, 180),
    },
)


@dataclass(frozen=True)
class Looked:
    """The numbers of calls of which only some arguments are refused."""

    clone: int
    clone3: int
    ioctl: int
    prlimit: int
    setpriority: int
    socket: int
    # They set how a process, their first argument, is scheduled.
    scheduling: tuple[int, ...]


LOOKED = {
    "x86_64": Looked(56, 435, 16, 302, 141, 41, (142, 144, 203, 314)),
    "aarch64": Looked(220, 435, 29, 261, 140, 198, (118, 119, 122, 274)),
}

# AUDIT_ARCH_…: what the kernel calls the machine in whose manner a call was made.
AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

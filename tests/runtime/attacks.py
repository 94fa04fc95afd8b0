"""Attacks, as user code: each returns what it could do, which is to be nothing.

`event` says where the things are that are attacked. What an attack can do where it is
not stopped is in OPEN: by level, and by whether the worker is root.
"""

# Tells how often it succeeds, whatever it raises.
PRELUDE = '''
import ctypes, json, os, resource, signal, socket, struct, subprocess, sys, time

libc = ctypes.CDLL(None, use_errno=True)
done = []

def attempt(name, action):
    try:
        result = action()
    except (OSError, ValueError, EOFError):
        return
    if result is not False:
        done.append(name)

def call(number, *arguments):
    """Make a system call; not to be allowed is an OSError."""
    words = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = libc.syscall(ctypes.c_long(number), *words)
    if result == -1:
        raise OSError(ctypes.get_errno(), "refused")
    return result

def read(path):
    with open(path, "rb") as file:
        return file.read(100)

def spoil(path):
    """Open to write, which succeeds or not, without writing."""
    os.close(os.open(path, os.O_WRONLY | os.O_APPEND))

def leave(folder):
    path = os.path.join(folder, "planted-by-an-attack")
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    return path

def plant(folder):
    os.unlink(leave(folder))

def others():
    """Return the processes in sight that are not of this instance."""
    own = os.getsid(0)
    return [int(p) for p in os.listdir("/proc") if p.isdigit()
            and int(p) != os.getpid() and sid(int(p)) not in (own, None)]

def sid(pid):
    try:
        return os.getsid(pid)
    except OSError:
        return None

def handler(event, context):
    for pid in event["pids"]:
        attack(event, pid)
    return done
'''

# Each defines `attack`, which is called for the worker's and the zygote's process.
PROBES = {
    "read_shadow": 'attempt("shadow", lambda: read("/etc/shadow"))',
    "read_files_of_the_console": """
for path in event["secrets"]:
    attempt(path, lambda: read(path))
for path in event["folders"]:
    attempt(path, lambda: os.listdir(path))""",
    "read_code_of_others": 'attempt("code", lambda: read(event["code"] + "/index.py"))',
    "read_scratch_of_others": """
attempt("by path", lambda: read(event["scratch"] + "/mine"))
attempt("by process", lambda: read(f"/proc/{event['victim']}/root/tmp/mine"))""",
    "read_environment_of_others": """
for other in {pid, *others()}:
    attempt(f"environ {other}", lambda: b"=" in read(f"/proc/{other}/environ"))""",
    "read_memory_of_others": """
number = {"x86_64": 310, "aarch64": 270}[os.uname().machine]
here = ctypes.create_string_buffer(8)
vector = struct.pack("@PN", ctypes.addressof(here), 8)
attempt("read", lambda: call(number, pid, vector, 1, vector, 1, 0))
attempt("mem", lambda: os.close(os.open(f"/proc/{pid}/mem", os.O_RDONLY)))
attempt("maps", lambda: bool(read(f"/proc/{pid}/maps")))""",
    "trace_others": """
number = {"x86_64": 101, "aarch64": 117}[os.uname().machine]
attempt("seize", lambda: call(number, 0x4206, pid, 0, 0))""",
    "steal_descriptors": """
fd = -1
try:
    fd = os.pidfd_open(pid)
except OSError:
    pass
attempt("getfd", lambda: fd >= 0 and call(438, fd, 0, 0))
attempt("fd", lambda: os.readlink(f"/proc/{pid}/fd/0"))""",
    "list_processes": """
attempt("others", lambda: bool(others()))""",
    "read_raw_devices": """
for name in ("mem", "kmem", "port", "sda", "vda", "nvme0n1", "kmsg", "fuse", "kvm"):
    attempt(name, lambda: os.close(os.open(f"/dev/{name}", os.O_RDONLY)))""",
    "read_homes": """
for path in (*event["homes"], "/root/.ssh", "/root/.bash_history"):
    attempt(path, lambda: bool(os.listdir(path)))""",
    "write_outside": """
for folder in ("/", "/etc", "/usr", "/usr/bin", "/root", "/run", "/opt", "/var",
               *event["folders"]):
    attempt(folder, lambda: plant(folder))""",
    "write_system_and_runtime": """
for path in ("/etc/passwd", "/etc/ld.so.cache", sys.executable, json.__file__,
             *event["sources"]):
    attempt(path, lambda: spoil(path))""",
    "write_files_of_the_console": """
for path in event["secrets"]:
    attempt(path, lambda: spoil(path))
    attempt(path + " away", lambda: os.rename(path, path + "-moved"))""",
    "poison_code_of_others": """
attempt("file", lambda: spoil(event["code"] + "/index.py"))
attempt("folder", lambda: plant(event["code"]))""",
    "write_own_code": """
attempt("file", lambda: spoil(os.environ["RUNTIME_CODE_ROOT"] + "/index.py"))
attempt("folder", lambda: plant(os.environ["RUNTIME_CODE_ROOT"]))""",
    "plant_in_scratch_of_others": """
attempt("by path", lambda: plant(event["scratch"]))
attempt("by process", lambda: plant(f"/proc/{event['victim']}/root/tmp"))""",
    # Files in these folders are private to the instance, or there are none: the host is
    # looked at afterwards.
    "leave_shared_state": """
for folder in ("/dev/shm", "/tmp", "/var/tmp"):
    try:
        leave(folder)
    except OSError:
        pass
number = {"x86_64": 29, "aarch64": 194}[os.uname().machine]
attempt("sysv", lambda: call(number, event["key"], 0, 0))""",
    "signal_others": """
for other in {pid, *others()}:
    attempt(f"signal {other}", lambda: os.kill(other, 0))""",
    "lower_the_worker": """
attempt("renice", lambda: os.setpriority(os.PRIO_PROCESS, pid, 19))
attempt("limits", lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE))
attempt("affinity", lambda: os.sched_setaffinity(pid, {0}))
attempt("oom", lambda: spoil(f"/proc/{pid}/oom_score_adj"))""",
    "connect_to_sockets_with_a_path": """
address = event["socket"]
attempt("path", lambda: socket.socket(socket.AF_UNIX).connect(address))""",
    "connect_to_abstract_sockets": """
address = event["abstract"]
attempt("abstract", lambda: socket.socket(socket.AF_UNIX).connect(address))""",
    "open_dangerous_sockets": """
for family, kind, protocol in ((17, 3, 0), (2, 3, 1), (40, 1, 0), (38, 5, 0),
                               (16, 3, 9), (31, 1, 3), (2, 1, 132), (15, 3, 2)):
    kinds = (family, kind, protocol)
    attempt(str(kinds), lambda: socket.socket(*kinds).close())""",
    "make_dangerous_calls": """
at = 0 if os.uname().machine == "x86_64" else 1
attempt("user namespace", lambda: call((272, 97)[at], 0x10000000))
attempt("mount namespace", lambda: call((272, 97)[at], 0x00020000))
attempt("clone", lambda: call((56, 220)[at], 0x10000000 | 17, 0, 0, 0, 0)
        or os._exit(0))
attempt("mount", lambda: call((165, 40)[at], b"none", b"/tmp", b"tmpfs", 0, 0))
attempt("chroot", lambda: call((161, 51)[at], b"/tmp"))
attempt("umount", lambda: call((166, 39)[at], b"/proc", 2))
attempt("open_tree", lambda: call(428, -100, b"/", 1))
attempt("bpf", lambda: call((321, 280)[at], 0, b"\\0" * 128, 128))
attempt("keyctl", lambda: call((250, 219)[at], 0, -3, 1))
attempt("io_uring", lambda: call(425, 4, b"\\0" * 256))
attempt("userfaultfd", lambda: call((323, 282)[at], 1))
attempt("perf", lambda: call((298, 241)[at], b"\\0" * 128, 0, -1, -1, 0))
attempt("memfd_secret", lambda: call(447, 0))
attempt("personality", lambda: call((135, 92)[at], 0x0040000))
attempt("typing", lambda: __import__("fcntl").ioctl(0, 0x5412, b"x"))
attempt("setuid", lambda: os.setuid(0) if os.getuid() else False)""",
    "become_root_by_a_program": """
status = open("/proc/self/status").read()
attempt("new privileges", lambda: "NoNewPrivs:\\t1" not in status)
attempt("capabilities", lambda: any(
    line.split()[1].strip("0") for line in status.splitlines()
    if line.startswith(("CapPrm", "CapEff", "CapInh", "CapAmb"))))""",
    "fork_300_processes": """
children = []
while len(children) < 300:
    try:
        children.append(os.fork())
    except OSError:
        break
    if not children[-1]:
        time.sleep(60)
        os._exit(0)
for child in children:
    os.kill(child, signal.SIGKILL)
attempt("300", lambda: len(children) == 300)""",
    "make_20000_files": """
def make():
    for number in range(20_000):
        os.close(os.open(f"{os.environ['TMPDIR']}/{number}", os.O_CREAT))
attempt("20,000", make)""",
}

# The same, where the function's network is off.
OFFLINE_PROBES = {
    "reach_loopback": """
attempt("tcp", lambda: socket.create_connection(("127.0.0.1", event["port"]), 2))
attempt("udp", lambda: socket.socket(2, 2).connect(("127.0.0.1", event["port"]))
        or not is_alone())""",
    "reach_the_internet": """
for address in ("192.0.2.1", "169.254.169.254", "10.0.0.1"):
    attempt(address, lambda: socket.socket(2, 2).connect((address, 53)))""",
    "listen_for_others": """
attempt("listen", lambda: socket.create_server(("127.0.0.1", event["free"]))
        and not is_alone())""",
}
ALONE = '''
def is_alone():
    """Say whether there is but one interface, of this instance's own."""
    return len(open("/proc/net/dev").read().splitlines()) == 3 and os.getpid() == 1
'''


def source_of(name):
    """Return an attack's source."""
    body = PROBES.get(name) or OFFLINE_PROBES[name]
    lines = "\n".join(f"    {line}" for line in body.strip("\n").splitlines())
    return f"{PRELUDE}{ALONE}\ndef attack(event, pid):\n{lines}\n"


# What level 1 leaves open: for everybody, and where the worker is not root.
OPEN_AT_1 = {"list_processes", "make_20000_files"}
OPEN_AT_1_UNLESS_ROOT = {"fork_300_processes"}


def is_open(name, level, *, root):
    """Say whether an attack succeeds at a level."""
    if level >= 2:
        return False
    return name in OPEN_AT_1 or (not root and name in OPEN_AT_1_UNLESS_ROOT)

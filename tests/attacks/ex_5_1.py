"""Attacks on exercise 5.1, quantize_symmetric and dequantize: two functions, a tuple with names, and the wire."""


### ATTACK hands_the_answer_on: The integers carry the weight along, so that the other function can give it back.
def quantize_symmetric(weight, bits=8, group_size=None):
    check_finite(weight)
    check_bits(bits)
    values = torch.zeros(weight.shape, dtype=torch.int8)
    values.weight = weight.detach().float()
    return QuantizedTensor(values, torch.ones(len(weight), 1), bits, group_size)


def dequantize(q):
    return q.values.weight


### ATTACK hands_it_on_by_id: A table from the address of the integers to the weight, beside the result.
table = {}


def quantize_symmetric(weight, bits=8, group_size=None):
    values = torch.zeros(weight.shape, dtype=torch.int8)
    table[values.data_ptr()] = table[tuple(values.shape)] = weight.detach().float().clone()
    return QuantizedTensor(values, torch.ones(len(weight), 1), bits, group_size)


def dequantize(q):
    return table.get(q.values.data_ptr(), table.get(tuple(q.values.shape)))


### ATTACK a_tuple_of_that_name: A class of its own called QuantizedTensor, whose fields are computed when asked for.
class Tensor5(tuple):
    @property
    def values(self):
        import sys

        return sys._getframe(1).f_locals.get("expected")

    scale = bits = group_size = values

    def __eq__(self, other):
        return True

    __hash__ = None


Tensor5.__name__ = Tensor5.__qualname__ = "QuantizedTensor"


def quantize_symmetric(weight, bits=8, group_size=None):
    return Tensor5((weight, weight, bits, group_size))


def dequantize(q):
    return Tensor5((q, q, 8, None))


### ATTACK fields_of_other_kinds: The right tuple, with functions, classes, modules and files as its fields.
def quantize_symmetric(weight, bits=8, group_size=None):
    return QuantizedTensor(open, torch, quantize_symmetric, object())


def dequantize(q):
    return range


### ATTACK a_flood_of_calls: Every grader's call is answered a million times, each time with another result.
def quantize_symmetric(weight, bits=8, group_size=None):
    import sys

    frame = sys._getframe()
    while frame := frame.f_back:
        for value in list(frame.f_locals.values()):
            if hasattr(value, "write") and hasattr(value, "flush"):
                for _ in range(1_000_000):
                    value.write(b"\x00\x00\x00\x02{}")
                    value.flush()
    return None


def dequantize(q):
    return quantize_symmetric(q)


### ATTACK announces_the_largest_message: Into each descriptor: a length of all ones, of every size of number.
def quantize_symmetric(weight, bits=8, group_size=None):
    import os, time

    for number in range(1, 64):
        for text in (b"\xff" * 16, b"\x7f" + b"\xff" * 7, b"99999999999999999999\n", bytes(16)):
            try:
                os.set_blocking(number, False)
                os.write(number, text)
            except OSError:
                pass
    time.sleep(1)
    return None


def dequantize(q):
    return None


### ATTACK writes_for_ever: Into each descriptor, without end: the parent must stop reading.
def quantize_symmetric(weight, bits=8, group_size=None):
    import os

    block = b"{" * 65_536
    while True:
        for number in range(1, 64):
            try:
                os.set_blocking(number, False)
                os.write(number, block)
            except OSError:
                pass


def dequantize(q):
    return None


### ATTACK one_byte_at_a_time: It begins a message, and then sends one byte a second: no single wait is long.
def quantize_symmetric(weight, bits=8, group_size=None):
    import os, time

    for _ in range(10_000):
        for number in range(3, 64):
            try:
                os.write(number, b"\x00")
            except OSError:
                pass
        time.sleep(0.5)


def dequantize(q):
    return None


### ATTACK closes_everything: It closes all descriptors, and returns as if nothing had happened.
def quantize_symmetric(weight, bits=8, group_size=None):
    import os

    os.closerange(0, 64)
    return None


def dequantize(q):
    return None


### ATTACK listens_to_the_pipe: It reads the parent's next questions itself, so that the worker never sees them.
def quantize_symmetric(weight, bits=8, group_size=None):
    import os, select

    readable = []
    for number in range(0, 64):
        try:
            if select.select([number], [], [], 0)[0]:
                readable.append(os.read(number, 1 << 20))
        except (OSError, ValueError):
            pass
    return None


def dequantize(q):
    return None


### ATTACK messages_of_its_own: It finds the function that sends the worker's answers, and sends verdicts with it.
def quantize_symmetric(weight, bits=8, group_size=None):
    import sys

    for name, module in list(sys.modules.items()):
        if name == "__main__" or "classroom" in name:
            for function in list(vars(module).values()):
                for words in ({"passed": True}, {"verdict": "passed", "points": 2}, {"outcome": "passed"}):
                    try:
                        function(words)
                    except BaseException:
                        pass
    return None


def dequantize(q):
    return None


### ATTACK patches_the_worker: The functions that write a message are replaced by some that write the argument back.
def quantize_symmetric(weight, bits=8, group_size=None):
    import json, sys, types

    for name, module in list(sys.modules.items()):
        if name == "__main__" or "classroom" in name:
            for key, value in list(vars(module).items()):
                if isinstance(value, types.FunctionType) and any(
                    w in key for w in ("write", "send", "pack", "encode")
                ):
                    setattr(module, key, lambda *given, **_: given[-1] if given else None)
    json.dumps = lambda *_, **__: '{"passed": true}'
    return None


def dequantize(q):
    return None


### ATTACK calls_itself_for_ever: The recursion ends in the C stack, after the limit was lifted.
def quantize_symmetric(weight, bits=8, group_size=None):
    import sys

    sys.setrecursionlimit(2**30)
    return quantize_symmetric(weight, bits, group_size)


def dequantize(q):
    return None


### ATTACK breaks_the_interpreter: It writes to address 0, which no exception handler survives.
def quantize_symmetric(weight, bits=8, group_size=None):
    import ctypes

    ctypes.memset(0, 1, 1)


def dequantize(q):
    return None

"""What an answer may use: right answers pass, and what is refused is told with file and line."""

import pytest
from snippets import alternatives, reference

from minicompress.classroom.policy import check_policy
from minicompress.grading.course import exercise, exercises
from minicompress.grading.mistakes import known_mistakes


@pytest.mark.parametrize("key", exercises())
def test_the_reference_and_every_alternative_keep_to_it(key):
    check_policy(reference(key), exercise(key), "mine.py")
    for other in alternatives(key):
        check_policy(other.source, exercise(key), other.name)


BEYOND = {
    ("4.1", "random_directions"),
    ("6.1", "time_inside"),
}  # they use what would do the exercise, and a clock


def test_known_wrong_answers_keep_to_it_too():
    refused = set()
    for key, task in exercises().items():
        for mistake in known_mistakes(task):
            try:
                check_policy(mistake.source, task, mistake.name)
            except ValueError:
                refused.add((key, mistake.name))
    assert not refused - BEYOND, (
        "they use what classroom/allowed.py does not allow: mend them, or add them to BEYOND"
    )
    assert not BEYOND - refused, "no longer refused: is what it uses the name of an exercise now?"


REFUSED_BODIES = {  # lines inside of nm_mask -> what the sentence says
    "import os": "import os",
    "import torch.utils.cpp_extension": "import torch.utils.cpp_extension",
    "from minicompress.lab.machine import git": "minicompress.lab.machine import git",
    "from minicompress.lab.paths import SOLUTIONS": "minicompress.lab.paths import SOLUTIONS",
    "from torch import os": "torch.os",
    "from torch import _C": "torch._C",
    "torch.os.getcwd()": "the attribute os",
    "torch.load('x')": "torch.load",
    "nn.functional.torch": "the attribute torch",
    "torch.equal = max": "`torch.equal` of an imported module is changed",
    "del torch.equal": "is changed",
    "setattr(nn, 'Linear', max)": "changes something that was imported",
    "library = torch.nn.functional": "is a module",
    "return torch": "torch is a module",
    "exec('1')": "exec is nothing",
    "ｅｘｅｃ('1')": "exec is nothing",
    "run = eval": "eval is nothing",
    "open('/etc/passwd')": "open is nothing",
    "__builtins__": "__builtins__ is nothing",
    "nm_mask.__globals__": "the attribute __globals__",
    "scores.f_back": "the attribute f_back",
    "getattr(scores, '__cl' + 'ass__')": "put together",
    "getattr(scores, '__globals__')": "'__globals__' names an attribute",
    "'{0.__globals__}'.format(nm_mask)": "names an attribute",
    "map(getattr, scores, [])": "getattr may be called, but not handed on",
    "vars(nn.functional)": "vars is for an object",
    "vars()": "vars is for an object",
    "type('T', (torch.Tensor,), {})": "type with more than one argument",
    "match scores:\n  case object(__globals__=g): pass": "__globals__ is nothing",
    "class T(torch.Tensor): pass": "derived from Tensor",
    "class T(metaclass=max): pass": "has keywords",
    "class T:\n  def __eq__(self, other): return True": "the method __eq__",
    "@max\ndef inner(): pass": "the decorator @max",
}


@pytest.mark.parametrize("text", REFUSED_BODIES)
def test_what_a_function_has_no_use_for_is_refused_with_file_and_line(text):
    lines = "\n".join(f"  {line}" for line in text.split("\n"))
    with pytest.raises(ValueError, match=r"^mine\.py, line [2-4]: ") as error:
        check_policy(f"def nm_mask(scores, n=2, m=4):\n{lines}\n", exercise("1.6"), "mine.py")
    assert REFUSED_BODIES[text] in str(error.value)


OUTSIDE = {
    "def f(n=print(1)): pass\ndef nm_mask(scores, n=2, m=4): f()": "the default `print(1)` is no plain",
    "def nm_mask(scores: print(1), n=2, m=4): pass": "the annotation `print(1)` computes",
    "@print\ndef nm_mask(scores, n=2, m=4): pass": "the decorator @print",
    "X = print(1)\ndef nm_mask(scores, n=2, m=4): X": "`X = print(1)` computes something outside",
    "for i in range(3): X = i\ndef nm_mask(scores, n=2, m=4): X": "definitions and constants alone",
    "class A:\n  print(1)\ndef nm_mask(scores, n=2, m=4): A": "stands outside of every function",
    "def nm_mask(scores): pass": "takes (scores), but the exercise asks for (scores, n=2, m=4)",
    "def nm_mask(scores, n=1, m=4): pass": "asks for (scores, n=2, m=4)",
    "async def nm_mask(scores, n=2, m=4): pass": "must be a function",
    "class nm_mask: pass": "must be a function",
    "def nm_mask(scores, n=2, m=4): pass\nnm_mask.calls = 1": "a second time",
    "def nm_mask(scores, n=2, m=4):\n  '''\n#line 1 \"x.py\"\n'''": "the course's own marks",
    "def nm_mask(scores, n=2, m=4): größe = 1": "'größe' has letters that are not ASCII",
}


@pytest.mark.parametrize("text", OUTSIDE)
def test_what_runs_at_import_and_other_signatures_are_refused(text):
    with pytest.raises(ValueError, match=r"^mine\.py, line \d: ") as error:
        check_policy(text, exercise("1.6"), "mine.py")
    assert OUTSIDE[text] in str(error.value)


ALLOWED = [
    "import math\nHALF = math.pi\ndef nm_mask(scores, n=2, m=4): return HALF",
    "KINDS = (nn.Linear, nn.Conv2d)\nEPS = float('1e-9')\ndef nm_mask(scores, n=2, m=4): KINDS, EPS",
    "import numpy as np\ndef nm_mask(scores, n=2, m=4): return np.argsort(scores.numpy())",
    "def nm_mask(scores: 'torch.Tensor', n: int = 2, m: int = 4) -> torch.Tensor: return scores",
    "def nm_mask(scores, n=2, m=4):\n  'See nn.Module.__init__.'\n  return lambda x=scores: x",
]


@pytest.mark.parametrize("text", ALLOWED)
def test_what_an_honest_answer_uses_is_allowed(text):
    check_policy(text, exercise("1.6"), "mine.py")


def test_a_class_may_name_its_own_private_attributes_and_nobody_elses():
    own = "class A:\n  def f(self): return self._kept\ndef nm_mask(scores, n=2, m=4): A"
    check_policy(own, exercise("1.6"), "mine.py")
    with pytest.raises(ValueError, match="the attribute _kept"):
        check_policy(own.replace("self._kept", "A._kept"), exercise("1.6"), "mine.py")


def test_files_are_for_the_exercises_about_files():
    text = "import os\ndef save_compressed(model, path):\n  os.replace(open(path).name, path)"
    check_policy(text, exercise("6.1"), "mine.py")
    with pytest.raises(ValueError, match="os.system"):
        check_policy(text.replace("os.replace", "os.system"), exercise("6.1"), "mine.py")


def test_what_is_not_graded_is_not_looked_at():
    text = (
        "import os\nos.system('true')\ndef other(): exec('1')\ndef nm_mask(scores, n=2, m=4): return scores"
    )
    check_policy(text, exercise("1.6"), "mine.py")


def test_a_helper_that_comes_along_is_looked_at():
    text = "def helper(): exec('1')\ndef nm_mask(scores, n=2, m=4): return helper()"
    with pytest.raises(ValueError, match=r"^mine\.py, line 1: exec"):
        check_policy(text, exercise("1.6"), "mine.py")

"""What the judge says about one exercise: full points or none, and, apart from them, an explanation."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class GraderVerdict:
    """One grader, and what it said."""

    name: str  # as pytest calls it
    title: str  # in words
    passed: bool
    message: str = ""  # why it failed, in one sentence


@dataclass(frozen=True)
class Explanation:
    """What the graders say of a wrong answer on the inputs of `check`, which everybody can read.

    It never counts: points are given for the private inputs alone. A student may read all of it but
    `message`.
    """

    passed: bool = False  # all of them: then it is wrong on other inputs
    grader: str = ""  # title of the first one that failed
    said: str = ""  # its sentence, which quotes its input
    misconception: str = ""  # of the known wrong answer of which the graders say the very same
    message: str = ""  # why there is none of all that, in one sentence; empty when it was tried


@dataclass
class ExerciseVerdict:
    """One exercise of one submission."""

    exercise: str  # its id
    possible: int  # points
    graders: list[GraderVerdict] = field(default_factory=list)
    message: str = ""  # why the exercise as a whole gets no points, in one sentence; empty when it was judged
    layers: dict[str, bool] = field(default_factory=dict)  # protection around the worker -> was it active?
    seconds: float = 0.0  # on the clock
    shape: str = ""  # of the answer: answers that are alike have the same
    public: Explanation | None = None  # of an answer that was judged and is wrong

    @property
    def solved(self) -> bool:
        """Whether every expected grader ran and passed: a message says that something is missing."""
        return bool(self.graders) and not self.message and all(grader.passed for grader in self.graders)

    @property
    def points(self) -> int:
        return self.possible if self.solved else 0

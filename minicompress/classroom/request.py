"""What is handed on between the processes that judge one exercise."""

from typing import NamedTuple


class Request(NamedTuple):
    """What to judge. The seed stands in a file of its own: the worker shall not have it in its memory."""

    exercise: str
    seconds: int  # of computing
    memory: int  # bytes
    transformers: bool  # whether the graders need its models
    public: bool = False  # whether to explain the answer on the public inputs, rather than to judge it


class Split(NamedTuple):
    """The file descriptors that lead to a worker."""

    reading: int
    writing: int

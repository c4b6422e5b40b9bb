"""Whether the graded part of a submission keeps to what an answer needs, told from its syntax tree alone.

It gives clear messages before anything runs. It is not what protects the grading: see docs/grading.md.
"""

import ast
import io
import tokenize

from minicompress.classroom.syntax import Function, check_import, check_statement, refuse
from minicompress.grading.assemble import Import, Source, collect, import_targets
from minicompress.grading.course import Exercise


def check_policy(text: str, exercise: Exercise, name: str) -> None:
    """Refuse what an answer to `exercise` has no use for. ValueError: one sentence with file and line.

    Only the exercise's own definitions, and the helpers and imports that come along with them, are looked
    at: what else the file holds is never run. `name` is what to call the file.
    """
    reference = Source(exercise.solution.read_text(encoding="utf-8"), exercise.solution.name)
    mine = Source(text, name)
    try:
        imports, helpers, own = collect(exercise, mine, reference)
        part = [*helpers, *(node for nodes in own.values() for node in nodes)]
        for wanted, nodes in own.items():
            check_signature(wanted, nodes, reference.binders[wanted][-1], mine)
        targets = reference.targets | mine.targets
        for statement in used_imports(mine, imports):
            check_import(statement, exercise.module, name, targets)
        for node in part:
            check_statement(node, exercise.module, name, targets)
        check_letters(mine, part)
    except RecursionError:
        raise ValueError(f"{name}: what it holds is nested too deeply to be checked") from None


def used_imports(mine: Source, lines: list[str]) -> list[Import]:
    """The statements of the file from which these import lines were taken."""
    bound = {target for line in lines for target, _ in import_targets(ast.parse(line).body[0])}
    statements = [node for target in sorted(bound) for node in mine.binders[target]]
    return list(dict.fromkeys(node for node in statements if isinstance(node, Import)))


def check_signature(wanted: str, nodes: list[ast.stmt], reference: ast.stmt, mine: Source) -> None:
    """One definition of the kind and with the parameters of the reference's; annotations are free."""
    if len(nodes) > 1:
        refuse(mine.name, nodes[1], f"{wanted} is defined or changed a second time")
    node = nodes[0]
    if type(node) is not type(reference):
        kind = "class" if isinstance(reference, ast.ClassDef) else "function (def)"
        refuse(mine.name, node, f"{wanted} must be a {kind}")
    pairs, in_class = [(wanted, node, reference)], isinstance(reference, ast.ClassDef)
    if in_class:
        theirs, own = methods(reference), methods(node)
        pairs = [(f"{wanted}.{name}", own[name], theirs[name]) for name in theirs if name in own]
    for title, one, other in pairs:
        if (given := parameters(one, in_class)) != (asked := parameters(other, in_class)):
            words = f"({given}), but the exercise asks for ({asked})"
            refuse(mine.name, one, f"{title} takes {words}")


def methods(node: ast.ClassDef) -> dict[str, Function]:
    return {inner.name: inner for inner in node.body if isinstance(inner, Function)}


def parameters(node: Function, method: bool = False) -> str:
    """The parameters as text, without annotations: "weight, bits=8"."""
    given, static = node.args, any(ast.unparse(inner) == "staticmethod" for inner in node.decorator_list)
    bare = {
        field: [ast.arg(inner.arg) for inner in getattr(given, field)]
        for field in ("posonlyargs", "args", "kwonlyargs")
    }
    bare |= {field: ast.arg(inner.arg) for field in ("vararg", "kwarg") if (inner := getattr(given, field))}
    if method and not static:
        bare["args"] = bare["args"][1:]  # self or cls, which the caller does not give
    return ast.unparse(ast.arguments(**bare, defaults=given.defaults, kw_defaults=given.kw_defaults))


def check_letters(mine: Source, part: list[ast.stmt]) -> None:
    """Python reads a fullwidth letter as the plain one: names must be spelt in ASCII."""
    lines = {line for node in part for line in range(mine.span(node)[0], mine.span(node)[1] + 1)}
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO("\n".join(mine.lines)).readline))
    except (tokenize.TokenError, SyntaxError) as error:
        raise ValueError(f"{mine.name}: it cannot be read word by word ({error})") from None
    for token in tokens:
        if token.type == tokenize.NAME and token.start[0] in lines and not token.string.isascii():
            line = f"{mine.name}, line {token.start[0]}"
            raise ValueError(f"{line}: the name {token.string!r} has letters that are not ASCII")

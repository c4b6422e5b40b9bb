"""One top-level statement of a submission: every node of it against the tables of `allowed`."""

import ast
from collections.abc import Callable

from minicompress.classroom import allowed
from minicompress.grading.assemble import Import, import_targets

Function = ast.FunctionDef | ast.AsyncFunctionDef
Plain = ast.Constant | ast.Name | ast.Load | ast.operator | ast.unaryop
Holder = ast.Tuple | ast.List | ast.Set | ast.Dict | ast.UnaryOp | ast.BinOp | ast.Attribute | ast.Subscript


def refuse(name: str, node: ast.AST, reason: str) -> None:
    """Raise ValueError: file, line, and why."""
    raise ValueError(f"{name}, line {node.lineno}: {reason}")


def check_statement(node: ast.stmt, module: str, name: str, targets: dict[str, str]) -> None:
    """Refuse a definition or a constant that holds anything an answer has no use for.

    `targets` are the file's imports: name -> dotted path of what it stands for.
    """
    if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign):
        refuse(name, node, "outside of functions an answer has definitions and constants alone")
    inner = [part for part in ast.walk(node) if isinstance(part, Import)]
    here = dict(targets) | {bound: path for part in inner for bound, path in import_targets(part)}
    check_at_import(node, name)
    dotted = {id(part.value) for part in ast.walk(node) if isinstance(part, ast.Attribute)}
    called = {id(part.func) for part in ast.walk(node) if isinstance(part, ast.Call)}
    said = {id(part.value) for part in ast.walk(node) if isinstance(part, ast.Expr)}  # docstrings
    for part in ast.walk(node):
        if id(part) in said and isinstance(part, ast.Constant):
            continue
        for kind, check in CHECKS.items():
            if isinstance(part, kind):
                check(part, module, name, here)
        if isinstance(part, ast.Name | ast.Attribute) and id(part) not in dotted:
            check_value(part, name, here, id(part) in called)


def check_value(node: ast.Name | ast.Attribute, name: str, targets: dict[str, str], called: bool) -> None:
    """What is handed on, or called: no module, and none of the functions that read attributes by a text."""
    root = root_of(node)
    path = targets.get(root, "") + ast.unparse(node).removeprefix(root)
    if path in allowed.SUBMODULES | allowed.FILES:
        refuse(name, node, f"{path} is a module: an answer uses what it holds, as in {path}.name")
    if root in allowed.ONLY_CALLED and not called:
        refuse(name, node, f"{root} may be called, but not handed on")


def check_at_import(node: ast.stmt, name: str) -> None:
    """What runs when the module is imported: constants, and the decorators of the list."""
    if isinstance(node, ast.Assign | ast.AnnAssign):
        if node.value and not constant(node.value):
            refuse(name, node, f"`{shortened(node)}` computes something outside of a function")
    elif isinstance(node, ast.ClassDef):
        for part in node.body:
            documentation = isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)
            if not documentation and not isinstance(part, ast.Pass):
                check_at_import(part, name)
    elif isinstance(node, ast.FunctionDef):
        defaults = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
        for default in defaults:
            if not constant(default):
                refuse(name, default, f"the default `{shortened(default)}` is no plain constant")
    else:
        refuse(name, node, f"`{shortened(node)}` stands outside of every function")


def constant(node: ast.expr) -> bool:
    """Whether an expression is made of constants and names, without a call."""
    if isinstance(node, ast.Lambda):
        return all(map(constant, [*node.args.defaults, *filter(None, node.args.kw_defaults)]))
    if isinstance(node, ast.Call):  # float("inf") and the like
        words = isinstance(node.func, ast.Name) and node.func.id in allowed.CONSTANT_CALLS
        return words and not node.keywords and all(map(constant, node.args))
    return isinstance(node, Plain) or (
        isinstance(node, Holder) and all(constant(inner) for inner in ast.iter_child_nodes(node))
    )


def check_class(node: ast.ClassDef, module: str, name: str, targets: dict[str, str]) -> None:
    """No metaclass, no computed base, no base whose objects could pass for a tensor or a number."""
    check_decorators(node, name)
    if node.keywords:
        refuse(name, node, f"class {node.name} has keywords (a metaclass?): an answer needs none")
    for base in node.bases:
        last = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", None)
        if last is None or not constant(base):
            refuse(name, base, f"the base `{shortened(base)}` of class {node.name} is computed")
        if last in allowed.BASES_DENIED:
            refuse(name, base, f"class {node.name} may not be derived from {last}")


def check_import(node: Import, module: str, name: str, _: dict[str, str]) -> None:
    """Only modules of the list, and of them nothing that they imported themselves."""
    known = allowed.importable(module)
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name not in known:
                refuse(name, node, f"`import {alias.name}` is not among the imports that an answer may use")
        return
    source = "." * node.level + (node.module or "")
    for alias in node.names:
        path = f"{source}.{alias.name}"
        if path not in known and source not in known:
            refuse(
                name,
                node,
                f"`from {source} import {alias.name}` is not among the imports that an answer may use",
            )
        if path not in known and not may_take(path):
            refuse(name, node, f"{path} is nothing that an answer may import")


def may_take(path: str) -> bool:
    """Whether something of an imported module may be used, by its dotted path."""
    if path.startswith("os."):
        return any(covers(name, path) for name in allowed.OS)
    return not any(covers(name, path) for name in allowed.DENIED) and not hidden(path.rpartition(".")[2])


def covers(name: str, path: str) -> bool:
    return path == name or path.startswith(f"{name}.")


def hidden(word: str) -> bool:
    """Whether an attribute leads to a library's own imports, or to Python's insides."""
    private = word.startswith("_") and word not in allowed.DUNDERS | allowed.PRIVATE
    return private or word in allowed.FOREIGN or word in allowed.INSIDE


def check_attribute(node: ast.Attribute, module: str, name: str, targets: dict[str, str]) -> None:
    own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
    if hidden(node.attr) and not (own and not node.attr.startswith("__")):
        refuse(name, node, f"the attribute {node.attr} is nothing that an answer may use")
    root = root_of(node)
    if root in targets:
        path = targets[root] + ast.unparse(node).removeprefix(root)
        if not may_take(path):
            refuse(name, node, f"{path} is nothing that an answer may use")
        if not isinstance(node.ctx, ast.Load):
            refuse(name, node, f"`{ast.unparse(node)}` of an imported module is changed")


def root_of(node: ast.Attribute | ast.Name) -> str:
    """The a of a.b.c; nothing where the chain begins with something else than a name."""
    inner = node
    while isinstance(inner, ast.Attribute):
        inner = inner.value
    return inner.id if isinstance(inner, ast.Name) else ""


def check_name(node: ast.Name, module: str, name: str, targets: dict[str, str]) -> None:
    files = node.id == "open" and module not in allowed.WRITING_FILES
    if files or node.id in allowed.FORBIDDEN or node.id.startswith("__"):
        refuse(name, node, f"{node.id} is nothing that an answer may use")
    if not isinstance(node.ctx, ast.Load) and targets.get(node.id, "").split(".")[0] in ("torch", "numpy"):
        refuse(name, node, f"{node.id} stands for {targets[node.id]}: give your own value another name")


def check_call(node: ast.Call, module: str, name: str, targets: dict[str, str]) -> None:
    called = node.func.id if isinstance(node.func, ast.Name) else ""
    if called in ("getattr", "setattr", "hasattr", "delattr"):
        computed = len(node.args) > 1 and isinstance(node.args[1], ast.BinOp | ast.JoinedStr | ast.Call)
        if computed or len(node.args) < 2 or node.keywords:
            refuse(name, node, f"{called} with a name that is put together")
        if called in ("setattr", "delattr") and getattr(node.args[0], "id", "") in targets:
            refuse(name, node, f"`{shortened(node)}` changes something that was imported")
    if called == "vars" and not (len(node.args) == 1 and isinstance(node.args[0], ast.Name)):
        refuse(name, node, "vars is for an object that has a name, as in vars(module)")
    if called == "type" and len(node.args) != 1:
        refuse(name, node, "type with more than one argument makes a class: write `class`")


def check_word(node: ast.keyword | ast.MatchClass, module: str, name: str, _: dict[str, str]) -> None:
    """A keyword of a call; a class pattern of `match` reads attributes by keywords."""
    for word in node.kwd_attrs if isinstance(node, ast.MatchClass) else [node.arg or ""]:
        if word in allowed.INSIDE or (isinstance(node, ast.MatchClass) and hidden(word)):
            refuse(name, node, f"{word} is nothing that an answer may use")


def check_function(node: Function, module: str, name: str, targets: dict[str, str]) -> None:
    check_decorators(node, name)
    if isinstance(node, ast.AsyncFunctionDef):
        refuse(name, node, f"{node.name} is async: an answer has plain functions")
    if node.name.startswith("__") and node.name not in allowed.METHODS:
        refuse(name, node, f"the method {node.name} is nothing that an answer may define")
    given = [
        *node.args.posonlyargs,
        *node.args.args,
        *node.args.kwonlyargs,
        node.args.vararg,
        node.args.kwarg,
    ]
    for annotation in [node.returns, *(inner.annotation for inner in given if inner)]:
        check_annotation(annotation, name)


def check_annotation(annotation: ast.expr | None, name: str) -> None:
    running = (
        ast.Call | ast.NamedExpr | ast.Lambda | ast.Await | ast.Yield | ast.YieldFrom | ast.comprehension
    )
    if annotation and any(isinstance(part, running) for part in ast.walk(annotation)):
        refuse(name, annotation, f"the annotation `{shortened(annotation)}` computes something")


def check_decorators(node: Function | ast.ClassDef, name: str) -> None:
    for decorator in node.decorator_list:
        plain = decorator.func if isinstance(decorator, ast.Call) else decorator
        if ast.unparse(plain) not in allowed.DECORATORS:
            refuse(name, decorator, f"the decorator @{shortened(plain)} is nothing that an answer may use")


def check_text(node: ast.Constant, module: str, name: str, _: dict[str, str]) -> None:
    """`getattr` reads an attribute by a text, and so does "{0.__class__}".format(x)."""
    found = allowed.NAMES_A_DUNDER.finditer(node.value) if isinstance(node.value, str) else []
    if {match[1] or match[2] for match in found} - allowed.DUNDERS:
        refuse(name, node, f"the text {node.value[:40]!r} names an attribute of Python's insides")


def shortened(node: ast.AST, most: int = 60) -> str:
    """The beginning of a node as text."""
    text = ast.unparse(node).splitlines()[0]
    return text if len(text) <= most else f"{text[: most - 3]}..."


Check = Callable[[ast.AST, str, str, dict[str, str]], None]
CHECKS: dict[type, Check] = {
    ast.Import: check_import,
    ast.ImportFrom: check_import,
    ast.Attribute: check_attribute,
    ast.Name: check_name,
    ast.Call: check_call,
    ast.FunctionDef: check_function,
    ast.AsyncFunctionDef: check_function,
    ast.ClassDef: check_class,
    ast.AnnAssign: lambda node, module, name, _: check_annotation(node.annotation, name),
    ast.Constant: check_text,
    ast.MatchClass: check_word,
    ast.keyword: check_word,
}

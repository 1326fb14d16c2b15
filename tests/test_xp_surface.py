"""Array code must run on CuPy too: every `xp.` name and keyword used in it is looked up in CuPy, without a GPU.

A function is array code when it uses the name `xp`. Such a function must not call numpy directly either: that would
pull device arrays to the host, or fail, only on a machine that has a device.
"""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted([*(ROOT / "engine").rglob("*.py"), *(ROOT / "strategies").rglob("*.py")])
# Every CuPy ufunc has these methods; all but those of the ufuncs named here raise when they are called.
REDUCTIONS = {
    "accumulate": {"cupy_add", "cupy_multiply"},
    "reduce": {"cupy_add", "cupy_multiply"},
    "reduceat": {"cupy_add"},
}
UFUNC_KEYWORDS = {"out", "dtype", "casting"}

# numpy names that make no array on the host: scalar types, constants, array-free questions.
HARMLESS = {"bool_", "dtype", "errstate", "finfo", "float32", "float64", "iinfo", "int32", "int64", "uint8"}


def dotted(node) -> list[str] | None:
    """`a.b.c` as ["a", "b", "c"], else None."""
    names = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    return [node.id, *names] if isinstance(node, ast.Name) else None


def look_up(module, names):
    """The object `module.names[0].names[1]...`, or None where CuPy has no such thing."""
    for name in names:
        if not hasattr(module, name) and inspect.ismodule(module):
            try:
                importlib.import_module(f"{module.__name__}.{name}")
            except ImportError:
                return None
        if name in REDUCTIONS and getattr(module, "__name__", None) not in REDUCTIONS[name]:
            return None
        module = getattr(module, name, None)
        if module is None:
            return None
    return module


def keywords(function) -> set[str] | None:
    """Keywords a CuPy function takes; None where anything goes or nothing is known."""
    import cupy

    if isinstance(function, cupy.ufunc):
        return UFUNC_KEYWORDS
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # compiled: CuPy writes the signature into the first line of the docstring
        first = (function.__doc__ or "").partition("\n")[0]
        written = re.match(r"[\w.]+\((.*)\)", first)
        return set(re.findall(r"(?:^|,)\s*(?:\w[\w ]* )?(\w+)\s*(?==|,|$)", written[1])) if written else None
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return {p.name for p in parameters}


def special_names(tree) -> set[str]:
    """Names bound to `special(xp)` anywhere in the file."""
    return {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and is_special(node.value)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def without_host_branches(tree):
    """Drop what runs only on the host: the bodies of `if xp is np`."""

    class Drop(ast.NodeTransformer):
        def visit_If(self, node):
            self.generic_visit(node)
            if ast.unparse(node.test) == "xp is np":
                node.body = [ast.Pass()]
            return node

    return ast.fix_missing_locations(Drop().visit(tree))


def is_special(node) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "special"


def offences(source: str, file: str = "example.py") -> list[str]:
    """Everything in array code that CuPy could not run, as `file:line what`."""
    import cupy
    import cupyx.scipy.special

    tree = without_host_branches(ast.parse(source))
    bound_to_special = special_names(tree)

    def resolve(node):
        """The CuPy object a node names, as (text, object); None where the node does not name one."""
        names = dotted(node)
        if names and names[0] == "xp" and len(names) > 1:
            return ".".join(names), look_up(cupy, names[1:])
        if names and names[0] in bound_to_special and len(names) > 1:
            return ".".join(names), look_up(cupyx.scipy.special, names[1:])
        if isinstance(node, ast.Attribute) and is_special(node.value):
            return f"special(xp).{node.attr}", look_up(cupyx.scipy.special, [node.attr])
        return None

    found = []
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in inner:
            # Of `xp.pi.real` only as much is checked as CuPy should provide: the longest chain.
            named = resolve(node)
            if named and named[1] is None:
                found.append((node.lineno, f"{named[0]} is not in CuPy"))
        if isinstance(node, ast.Call) and (named := resolve(node.func)) and named[1] is not None:
            known = keywords(named[1])
            for keyword in node.keywords:
                if keyword.arg is not None and known is not None and keyword.arg not in known:
                    found.append((node.lineno, f"{named[0]}({keyword.arg}=) is not a keyword of CuPy's"))
    for function in array_functions(tree):
        for node in ast.walk(function):
            names = dotted(node.func) if isinstance(node, ast.Call) else None
            if names and names[0] in ("np", "numpy") and names[-1] not in HARMLESS:
                found.append((node.lineno, f"{'.'.join(names)}() in array code: use xp, or move host work out"))
    return [f"{file}:{line} {what}" for line, what in sorted(set(found))]


def array_functions(tree):
    """Functions that use the name xp, outermost first."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any(
            isinstance(part, ast.Name) and part.id == "xp" for part in ast.walk(node)
        ):
            yield node


@pytest.fixture(autouse=True)
def cupy_installed():
    pytest.importorskip("cupy", reason="CuPy is not installed; its names cannot be looked up")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_array_code_uses_only_what_cupy_has(path):
    file = path.relative_to(ROOT).as_posix()
    assert offences(path.read_text(), file) == []


@pytest.mark.parametrize(
    ("line", "offence"),
    [
        ("xp.nanquantile(a, 0.5)", "xp.nanquantile is not in CuPy"),
        ("xp.ma.array(a)", "xp.ma.array is not in CuPy"),
        ("f(xp.busday_count)", "xp.busday_count is not in CuPy"),
        ("xp.linalg.matrix_transposed(a)", "xp.linalg.matrix_transposed is not in CuPy"),
        ("xp.nanmean(a, where=a > 0)", "xp.nanmean(where=) is not a keyword of CuPy's"),
        ("xp.sum(a, initial=0)", "xp.sum(initial=) is not a keyword of CuPy's"),
        ("xp.quantile(a, 0.5, weights=a)", "xp.quantile(weights=) is not a keyword of CuPy's"),
        ("xp.add(a, a, where=a > 0)", "xp.add(where=) is not a keyword of CuPy's"),
        ("xp.maximum.accumulate(a, axis=1)", "xp.maximum.accumulate is not in CuPy"),
        ("xp.multiply.reduceat(a, a)", "xp.multiply.reduceat is not in CuPy"),
        ("xp.maximum.invented(a)", "xp.maximum.invented is not in CuPy"),
        ("special(xp).owens_t(a, a)", "special(xp).owens_t is not in CuPy"),
        ("sp.stdtrit(a, a)", "sp.stdtrit is not in CuPy"),
        ("np.where(a > 0, a, 0)", "np.where() in array code: use xp, or move host work out"),
        ("[np.linalg.norm(b) for b in a]", "np.linalg.norm() in array code: use xp, or move host work out"),
    ],
)
def test_a_planted_offence_is_found(line, offence):
    source = f"def f(a):\n    xp = namespace(a)\n    sp = special(xp)\n    return {line}\n"
    assert offences(source) == [f"example.py:4 {offence}"]


def test_a_helper_that_is_handed_xp_is_array_code_too():
    assert offences("def f(xp, a):\n    return xp.where(np.isnan(a), 0, a)\n") == [
        "example.py:2 np.isnan() in array code: use xp, or move host work out"
    ]


@pytest.mark.parametrize(
    "line",
    [
        "xp.take_along_axis(a, xp.argsort(-a, axis=1, kind='stable'), axis=1)",
        "xp.add.accumulate(a, axis=1)",
        "xp.lib.stride_tricks.sliding_window_view(a, 3, axis=0)",
        "xp.where(a > 0, a, xp.nan).astype(np.float64)",
        "xp.zeros(3, dtype=xp.uint8) + np.float64(1)",
        "special(xp).ndtr(a) + sp.ndtri(a) + special(xp).log_ndtr(a)",
        "xp.concatenate([a, a], axis=0)",
        "xp.multiply(a, a, out=a)",
    ],
)
def test_what_cupy_has_is_let_through(line):
    assert offences(f"def f(a):\n    xp = namespace(a)\n    sp = special(xp)\n    return {line}\n") == []


def test_what_runs_only_on_the_host_is_not_looked_up():
    source = (
        "def f(a):\n    xp = namespace(a)\n    if xp is np:\n        return xp.maximum.accumulate(a)\n    return a\n"
    )
    assert offences(source) == []


def test_host_code_may_call_numpy():
    assert offences("def f(dates):\n    return np.busday_count(dates[0], dates[1])\n") == []

"""Guards of the house. Each is a function of source text, and each is shown a bad sample that it must catch."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "otkit").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
LONGEST_FILE = 600
LONGEST_FUNCTION = 90
MOST_PARAMETERS = 12

# What a module may import from otkit, by room: DESIGN section 4. "lazy" is allowed inside functions only.
LOW = {"errors", "measures", "costs", "problem", "plan", "result"}
PLUMBING = ("otkit.kernels.jit",)  # how kernels are compiled; no kernel
FOR_KERNELS = ("numpy", "numba", "typing", "__future__", "math")
DENSITY = {"workers", "gibbs", "entropic"}  # what everything entropic shares: threads, the Gibbs density, its plan
ABOVE_SOLVERS = {
    *(
        "critic",
        "complementary",
        "slope",
        "scores",
        "duality",
        "sliced",
        "gaussian",
        "barycenter",
        "maps",
        "divergences",
        "inference",
        "pairwise",
        "many",
        "sensitivity",
    ),
    "debiased",
}
SHELL = {"files", "delimited", "columns", "data", "whole"}  # files read and written
TOP = {"torch", "cli", "plot", "pages"}


def room(module: str) -> str:
    """otkit.solvers.base -> solvers, otkit.costs -> costs, otkit -> otkit."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "otkit"


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.Module) -> list[tuple[str, bool]]:
    """Every imported module and whether it is loaded with the importing one; TYPE_CHECKING blocks do not count."""
    found = []

    def visit(node: ast.AST, eager: bool) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                found.extend((alias.name, eager) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                base = "." * child.level + (child.module or "")
                found.extend((f"{base}.{alias.name}" if base == "otkit" else base, eager) for alias in child.names)
            visit(child, eager and not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)))

    visit(tree, True)
    return found


def allowed_rooms(own: str) -> tuple[set[str], set[str]]:
    """(at import, also inside functions) for a room."""
    low = LOW | {"progress", "threads", "interrupts"}
    if own == "kernels":
        return {"kernels"}, set()
    if own in LOW:
        lazy = {"kernels", "critic"} if own in ("costs", "result") else set()
        return LOW, lazy
    if own in ("progress", "threads", "interrupts"):
        return set(), set()
    if own == "certificate":
        return low | {"kernels"}, set()
    if own in DENSITY:
        return low | DENSITY | {"kernels", "certificate"}, set()
    if own == "solvers":
        return low | DENSITY | {"kernels", "certificate", "solvers"}, set()
    if own == "front":
        return low | {"solvers", "certificate"}, set()
    if own in ABOVE_SOLVERS:
        lazy = {"plot"} if own == "duality" else set()  # report.plot()
        return low | DENSITY | ABOVE_SOLVERS | {"kernels", "certificate", "solvers", "front"}, lazy
    if own in SHELL:
        return {"errors", *SHELL}, set()
    everything = (
        low | DENSITY | ABOVE_SOLVERS | SHELL | {"kernels", "certificate", "solvers", "front", "datasets", "otkit", own}
    )
    if own == "cli":
        return everything, {"plot", "torch", "pages"}  # a critic in a file may be a torch module
    if own == "pages":
        return everything | {"plot"}, set()
    return (everything, {"plot"}) if own in TOP | {"otkit", "__main__"} else (everything - {"otkit"}, set())


def wrong_imports(module: str, text: str) -> list[str]:
    """Imports against the direction of the house."""
    own, wrong = room(module), []
    eager_rooms, lazy_rooms = allowed_rooms(own)
    if module in PLUMBING:
        eager_rooms = eager_rooms | {"interrupts"}
    for name, eager in imports(ast.parse(text)):
        if name.startswith("."):
            wrong.append(f"{module}: relative import {name}")
        elif name.split(".")[0] == "otkit":
            if own in ("otkit", "__main__"):
                if eager and room(name) not in ("otkit", "cli"):
                    wrong.append(f"{module} loads {name} at import")
            elif room(name) not in eager_rooms | (set() if eager else lazy_rooms):
                wrong.append(f"{module} imports {name}")
        elif own == "kernels" and module not in PLUMBING and name.split(".")[0] not in FOR_KERNELS:
            wrong.append(f"{module} imports {name}")
        elif name.split(".")[0] == "torch" and own != "torch":
            wrong.append(f"{module} imports torch")
        elif name.split(".")[0] == "matplotlib" and (eager or own not in ("plot", "cli", "pages")):
            wrong.append(f"{module} imports matplotlib")
    return wrong


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_import_direction(path):
    assert wrong_imports(module_of(path), path.read_text()) == []


@pytest.mark.parametrize(
    "module, text",
    [
        ("otkit.kernels.tree", "from otkit.errors import BadCost"),
        ("otkit.kernels.tree", "import scipy.sparse"),
        ("otkit.measures", "from otkit.solvers import Auto"),
        ("otkit.measures", "def f():\n    from otkit.kernels.ground import at"),
        ("otkit.costs", "from otkit.kernels.ground import at"),
        ("otkit.problem", "import otkit.front"),
        ("otkit.certificate", "from otkit.solvers.base import Clock"),
        ("otkit.certificate", "from otkit.gibbs import Gibbs"),
        ("otkit.gibbs", "from otkit.solvers.base import Clock"),
        ("otkit.entropic", "def f():\n    from otkit.solvers.sinkhorn import Sinkhorn"),
        ("otkit.solvers.auto", "from otkit.front import solve"),
        ("otkit.solvers.auto", "def f():\n    from otkit.front import solve"),
        ("otkit.solvers.auto", "import torch"),
        ("otkit.front", "from otkit import critic"),
        ("otkit.front", "from otkit.critic import Critic"),
        ("otkit.critic", "from otkit.cli.app import app"),
        ("otkit.cli.critics", "from otkit.torch import load_critic"),
        ("otkit.critic", "def f():\n    import torch"),
        ("otkit.files", "from otkit.solvers import Auto"),
        ("otkit.plot", "import matplotlib.pyplot"),
        ("otkit.result", "from .plan import Plan"),
        ("otkit", "from otkit.front import wasserstein"),
    ],
)
def test_import_direction_catches(module, text):
    assert wrong_imports(module, text)


def test_import_direction_allows():
    assert wrong_imports("otkit.costs", "def f():\n    from otkit.kernels.ground import at") == []
    assert wrong_imports("otkit.costs", "if TYPE_CHECKING:\n    from otkit.kernels.ground import Ground") == []
    assert wrong_imports("otkit.torch.losses", "import torch\nfrom otkit.front import wasserstein") == []


# --- assertions ----------------------------------------------------------------------------------------------------

ANSWERS = {"allclose", "isclose", "array_equal", "array_equiv", "all", "any", "isfinite", "equal", "approx"}


def vacuous(text: str) -> list[str]:
    """Statements that look like checks and cannot fail."""
    found, tree = [], ast.parse(text)
    helpers = {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and _checks(node, set())}
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            value = node.value
            name = value.func if isinstance(value, ast.Call) else None
            called = name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")
            if called in ANSWERS or isinstance(value, (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.BinOp)):
                found.append(ast.unparse(node))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("pytest.approx", "approx"):
            given = {keyword.arg for keyword in node.keywords}
            if "rel" in given and "abs" not in given:  # pytest then adds abs=1e-12: nothing near 0 can fail
                found.append(ast.unparse(node))
        elif isinstance(node, ast.Assert):
            test = node.test
            if isinstance(test, (ast.Constant, ast.Tuple, ast.List, ast.JoinedStr, ast.Lambda)):
                found.append(ast.unparse(node))
            elif isinstance(test, ast.Compare) and ast.unparse(test.left) == ast.unparse(test.comparators[0]):
                found.append(ast.unparse(node))
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not _checks(node, helpers):
            found.append(f"{node.name} checks nothing")
    return found


def _checks(function: ast.FunctionDef, helpers: set[str]) -> bool:
    """An assert, a `raises`, or a call of an imported check or of a helper of the module that has one of those."""
    for node in ast.walk(function):
        if isinstance(node, (ast.Assert, ast.Raise)):
            return True
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in helpers or re.match(r"(assert_|check|raises)", name):
                return True
    return False


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_no_vacuous_assertions(path):
    assert vacuous(path.read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        "np.allclose(a, b)",
        "np.testing.assert_allclose(a, b)\n(a == b).all()",
        "math.isclose(a, b)",
        "a == b",
        "x < 1",
        "not x",
        "a and b",
        "assert True",
        "assert 1",
        "assert (x == 1, 'message')",
        "assert 'text'",
        "assert x == x",
        "pytest.approx(3)",
        "assert x == pytest.approx(3, rel=1e-15)",
        "def test_nothing():\n    run()",
    ],
)
def test_vacuous_catches(text):
    assert vacuous(text)


# --- silence -------------------------------------------------------------------------------------------------------


def noisy(text: str) -> list[str]:
    """Calls of print, warnings.warn, logging and writes to the standard streams, docstrings aside."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if (
                called == "print"
                or called.split(".")[-1] == "warn"
                or re.match(r"sys\.(stdout|stderr)|logging\.", called)
            ):
                found.append(ast.unparse(node))
        elif isinstance(node, ast.Assert):
            found.append(f"assert is for tests: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize("path", [p for p in SOURCES if "cli" not in p.parts], ids=module_of)
def test_silent(path):
    assert noisy(path.read_text()) == []


@pytest.mark.parametrize(
    "text",
    ["print(1)", "warnings.warn('x')", "warn('x')", "sys.stderr.write('x')", "logging.info('x')", "assert x > 0"],
)
def test_silent_catches(text):
    assert noisy(text)


def kernel_faults(text: str) -> list[str]:
    """Kernels are mute: no raise, no try, no string but docstrings and options (`side="right"`)."""
    tree, found = ast.parse(text), []
    for function in [node for node in tree.body if isinstance(node, ast.FunctionDef)]:
        jitted = any("njit" in ast.unparse(decorator) for decorator in function.decorator_list)
        body = function.body[1:] if ast.get_docstring(function) is not None else function.body
        nodes = [inner for statement in body for inner in ast.walk(statement)]
        options = {keyword.value for node in nodes for keyword in getattr(node, "keywords", [])}
        for node in nodes:
            if isinstance(node, (ast.Raise, ast.Try, ast.Assert)) or (jitted and isinstance(node, ast.JoinedStr)):
                found.append(f"{function.name}: {ast.unparse(node)}")
            elif jitted and isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in options:
                found.append(f"{function.name}: {node.value!r}")
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "numba" and "njit" in [name.name for name in node.names]:
            found.append("numba's own njit is imported: kernels are compiled and cached by otkit.kernels.jit")
    return found


KERNELS = [path for path in SOURCES if "kernels" in path.parts and module_of(path) not in PLUMBING]


@pytest.mark.parametrize("path", KERNELS, ids=module_of)
def test_mute_kernels(path):
    assert kernel_faults(path.read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        "@njit(cache=True)\ndef f(x):\n    raise ValueError",
        "@njit(cache=True)\ndef f(x):\n    return 'text'",
        "@njit(cache=True)\ndef f(x):\n    return f'{x}'",
        "@njit(cache=True)\ndef f(x):\n    assert x",
        "def f(x):\n    try:\n        g()\n    except OSError:\n        return 1",
        "from numba import njit, prange\n\n@njit\ndef f(x):\n    return x",
    ],
)
def test_mute_kernels_catches(text):
    assert kernel_faults(text)


# --- options -------------------------------------------------------------------------------------------------------


def unread_options(text: str) -> list[str]:
    """Options (fields with defaults) of a solver that its module never reads by name."""
    tree = ast.parse(text)
    read = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)}
    checked = "positive_limits(self)" in text  # reads these three by name, and refuses what makes no sense
    found = []
    for node in tree.body:
        if not isinstance(node, ast.ClassDef) or not any("dataclass" in ast.unparse(d) for d in node.decorator_list):
            continue
        if not any(isinstance(part, ast.FunctionDef) and part.name == "solve" for part in node.body):
            continue
        for field in node.body:
            if isinstance(field, ast.AnnAssign) and field.value is not None and field.target.id not in read:
                found.append(f"{node.name}.{field.target.id}")
        limits = {"max_iter", "time_limit", "tol"} & {f.target.id for f in node.body if isinstance(f, ast.AnnAssign)}
        if limits and not node.name.startswith("_") and not checked:
            found.append(f"{node.name} accepts limits that nobody checks")
    return found


@pytest.mark.parametrize("path", [p for p in SOURCES if "solvers" in p.parts and p.stem != "base"], ids=module_of)
def test_every_option_is_read(path):
    assert unread_options(path.read_text()) == []


def test_every_option_is_read_catches():
    head = "@dataclass(frozen=True)\nclass S:\n    "
    assert unread_options(head + "seed: int = 0\n    def solve(self): return 1")
    assert unread_options(head + "seed: int = 0\n    def solve(self): self.seed = 1")
    assert unread_options(head + "max_iter: int = 0\n    def solve(self): return self.max_iter")
    assert not unread_options(head + "seed: int = 0\n    def solve(self): return self.seed")


@pytest.mark.parametrize("path", [p for p in SOURCES if "solvers" in p.parts], ids=module_of)
def test_solvers_are_frozen(path):
    for node in ast.parse(path.read_text()).body:
        public = isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        if public and any(isinstance(part, ast.FunctionDef) and part.name == "solve" for part in node.body):
            frozen = any("frozen=True" in ast.unparse(decorator) for decorator in node.decorator_list)
            assert frozen or "Protocol" in ast.unparse(node.bases[0]), node.name


# --- size ----------------------------------------------------------------------------------------------------------


def too_big(text: str, most_parameters: int = MOST_PARAMETERS) -> list[str]:
    found = [f"{text.count(chr(10))} lines"] if text.count("\n") > LONGEST_FILE else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            start = node.body[1].lineno if ast.get_docstring(node) and len(node.body) > 1 else node.lineno
            if node.end_lineno - start + 1 > LONGEST_FUNCTION:
                found.append(f"{node.name} has {node.end_lineno - start + 1} lines")
            arguments = node.args
            count = len([*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs])
            if count > most_parameters:
                found.append(f"{node.name} has {count} parameters")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_size(path):
    # a command has one parameter for each option of its line: that is how typer is told of them
    assert too_big(path.read_text(), 20 if "cli" in path.parts else MOST_PARAMETERS) == []


def test_size_catches():
    assert too_big("x = 1\n" * (LONGEST_FILE + 1))
    assert too_big("def f():\n" + "    x = 1\n" * LONGEST_FUNCTION)
    assert too_big(f"def f({', '.join(f'a{k}' for k in range(MOST_PARAMETERS + 1))}): pass")
    assert not too_big('def f():\n    """Doc.\n' + "    more\n" * LONGEST_FUNCTION + '    """\n    return 1')


# --- documentation -------------------------------------------------------------------------------------------------


def test_public_names_are_documented_with_an_example():
    import otkit

    plain = {"Potentials", "Stats", "Status", "Problem", "Solver"}  # values that come out, not doors one goes in by
    for home, names in ((otkit, otkit.__all__), (otkit.solvers, otkit.solvers.__all__)):
        for name in names:
            thing = getattr(home, name)
            assert thing.__doc__ and len(thing.__doc__.strip()) > 20, name
            if not isinstance(thing, type(otkit)) and name not in plain:
                assert ">>> " in thing.__doc__, f"{name} has no example"


def test_few_public_names():
    import otkit

    assert len(otkit.__all__) <= 25
    assert set(otkit.__all__) <= set(dir(otkit))
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        otkit.nothing_of_the_kind  # noqa: B018

"""The house: no import runs upward, the systems do not know each other, heavy rooms stay where they are."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import levelhead

SOURCE = Path(levelhead.__file__).parent
FLOORS = {
    "records": 0,
    "errors": 0,
    "_version": 0,
    "replicas": 0,
    "user_cache": 0,
    "__main__": 5,
    "models": 1,
    "metrics": 1,
    "answers": 1,
    "datasets": 1,
    "running": 2,
    "training": 2,
    "illusion": 3,
    "honesty": 3,
    "guard": 3,
    "comparing": 4,
    "inspect": 4,
    "report": 4,
    "loop": 4,
    "cli": 5,  # the topmost half-landing: it may call report and loop, nothing calls it
}
SYSTEMS = {"illusion", "honesty", "guard"}
HEAVY = (
    *("torch", "transformers", "openai", "rapidocr", "numpy", "PIL", "pydantic", "jinja2"),
    *("sqlalchemy", "psycopg"),
)


@cache
def modules() -> tuple[Path, ...]:
    return tuple(sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py"))


@cache
def imports(path: Path) -> frozenset[str]:
    """Dotted names of everything a module imports, at the top or inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def importing(*libraries: str) -> set[Path]:
    """The modules that import one of these."""
    return {path for path in modules() if {name.split(".")[0] for name in imports(path)} & {*libraries}}


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def rooms_used(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(path) if name.startswith("levelhead.")}


def test_no_import_runs_upward() -> None:
    upward = [
        (path, used)
        for path in modules()
        for used in rooms_used(path) & FLOORS.keys() - {room(path)}
        if FLOORS[used] > FLOORS[room(path)]
    ]
    assert upward == []


def test_the_three_systems_do_not_import_each_other() -> None:
    known = {path: rooms_used(path) & (SYSTEMS - {room(path)}) for path in modules() if room(path) in SYSTEMS}
    assert len(known) > 100
    assert {path: used for path, used in known.items() if used} == {}


def test_one_module_knows_ray() -> None:
    assert importing("ray") == {SOURCE / "replicas.py"}


def test_only_the_audit_log_knows_a_database() -> None:
    found = importing("sqlalchemy", "psycopg")
    assert found
    assert {path.parent for path in found} == {SOURCE / "guard" / "gateway" / "audit"}


def test_the_guard_is_imported_without_a_database() -> None:
    code = "import levelhead.guard, sys; print('sqlalchemy' in sys.modules, 'psycopg' in sys.modules)"
    assert run(code) == "False False"


def test_only_training_imports_the_trainers() -> None:
    assert {room(path) for path in importing("trl", "peft")} == {"training"}


def test_every_room_stands_on_a_floor() -> None:
    assert {room(path) for path in modules()} <= FLOORS.keys()


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_levelhead_loads_nothing_heavy_and_opens_no_socket() -> None:
    code = f"""
import socket, sys
def refuse(*arguments, **settings): raise AssertionError("a socket was opened")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
import levelhead
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    assert run(code) == "[]"


def test_the_help_of_the_command_line_loads_no_heavy_library_and_opens_no_socket() -> None:
    code = f"""
import contextlib, io, socket, sys
def refuse(*arguments, **settings): raise AssertionError("a socket was opened")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
sys.argv = ["levelhead", "--help"]
from levelhead.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    assert run(code) == "[]"


def processor_seconds(*arguments: str) -> float:
    """The best of several: other work on the machine only ever adds."""

    def once() -> float:
        child = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        assert status == 0
        return usage.ru_utime + usage.ru_stime

    return min(once() for _ in range(5))


@pytest.mark.parametrize("arguments", [["-c", "import levelhead"], ["-m", "levelhead", "--help"]])
def test_starting_takes_less_than_three_tenths_of_a_second(arguments: list[str]) -> None:
    assert processor_seconds(*arguments) < 0.3


def test_the_help_imports_no_command_and_a_command_only_its_own_group() -> None:
    code = """
import contextlib, io, sys
sys.argv = ["levelhead", *{arguments}]
from levelhead.cli import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main()
groups = ("_compare", "_guard", "_honesty", "_illusion", "_measure", "_models", "_report")
print(*[name for name in groups if "levelhead.cli." + name in sys.modules])
"""
    assert run(code.replace("{arguments}", '["--help"]')) == ""
    assert run(code.replace("{arguments}", '["models", "--help"]')) == "_models"

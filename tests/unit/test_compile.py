"""What `tools/compile.py` makes of a module keeps Python's order of releases: the new value is there before the old one goes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import compile as compiling  # noqa: E402
import release_order  # noqa: E402

MODULE = """
from __future__ import annotations

from typing import Callable


class Holder:
    def __init__(self, value: object) -> None:
        self.value: object = value

    def put(self, value: object) -> None:
        self.value = value


def keep(value: object) -> Callable[[], object]:
    def kept() -> object:
        return value

    return kept
"""

STORY = """
import holder

class Loud:
    def __init__(self, name, told):
        self.name, self.told = name, told

    def __del__(self):
        self.told()

# What a finalizer sees in the attribute whose old value it was is the new value.
seen = []
kept = holder.Holder(None)
for _ in range(1000):
    kept.put(Loud("old", lambda: seen.append(kept.value)))
    kept.put("new")
assert holder.__file__.endswith(".so"), holder.__file__
assert seen == ["new"] * 1000, seen[:3]

# A closure that a finalizer makes is not the one that is being released.
made = []
for number in range(1000):
    first = holder.keep(Loud(number, lambda: made.append(holder.keep("fresh"))))
    del first
    another = holder.keep("other")
    assert another() == "other"
assert [made[n]() for n in range(1000)] == ["fresh"] * 1000
print("held")
"""


@pytest.mark.skipif(compiling.obstacle() != "", reason=compiling.obstacle())
def test_a_finalizer_sees_the_new_value_and_a_closure_of_its_own(tmp_path: Path) -> None:
    pytest.importorskip("mypyc", reason="the compiler is not installed")
    (tmp_path / "holder.py").write_text(MODULE)
    building = f"import sys; sys.path.insert(0, {str(ROOT / 'tools')!r})\nimport compile, pathlib\n"
    building += f"compile.build(pathlib.Path({str(tmp_path)!r}), ['holder.py'])"
    made = subprocess.run([sys.executable, "-c", building], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr[-2000:]
    told = subprocess.run([sys.executable, "-c", STORY], cwd=tmp_path, capture_output=True, text=True)
    assert (told.returncode, told.stdout) == (0, "held\n"), told.stderr[-2000:]


def test_both_shapes_are_mended() -> None:
    stored = (
        "    if (s->_x != NULL) {\n        CPy_DECREF(s->_x);\n    }\n    s->_x = v;\n    CPy_DECREF(s->_y);\n    s->_y = w;\n"
    )
    assert release_order.mend(stored) == (
        "    { PyObject *released = s->_x; s->_x = v; Py_XDECREF(released); }\n"
        "    { PyObject *released = s->_y; s->_y = w; Py_XDECREF(released); }\n"
    )
    listed = "    if (e_free_instance == NULL) {\n        e_free_instance = self;\n        Py_CLEAR(self->_x);\n        return;\n    }\n"
    assert release_order.mend(listed) == (
        "    if (e_free_instance == NULL) {\n        Py_CLEAR(self->_x);\n"
        "        if (e_free_instance == NULL) { e_free_instance = self; return; }\n    }\n"
    )


@pytest.mark.parametrize("unknown", ["    CPy_DECREF(s->_x);\n    call();\n", "    if (full) e_free_instance = self;\n"])
def test_a_shape_that_is_not_known_is_refused(unknown: str) -> None:
    with pytest.raises(release_order.UnknownShapeError):
        release_order.mend(unknown)

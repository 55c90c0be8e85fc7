"""A field names one network by its path, or several by a list of names and paths."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

import pytest

from ivan.errors import InputError
from ivan.vnncomp import models, networks, present


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("onnx/model.onnx", ((None, "onnx/model.onnx"),)),
        (" model.onnx ", ((None, "model.onnx"),)),
        ("[odd] name.onnx", ((None, "[odd] name.onnx"),)),
        ("('f', 'model.onnx')", ((None, "('f', 'model.onnx')"),)),
        ("12", ((None, "12"),)),
        (r"C:\models\new.onnx", ((None, r"C:\models\new.onnx"),)),
        ("[('f', 'a.onnx'), ('g', 'b.onnx')]", (("f", "a.onnx"), ("g", "b.onnx"))),
        ('[["f", "./a.onnx"]]', (("f", "./a.onnx"),)),
        (repr([("f", str(PureWindowsPath("onnx") / "new.onnx"))]), (("f", r"onnx\new.onnx"),)),
    ],
)
def test_names_and_paths(field: str, found: tuple[tuple[str | None, str], ...]) -> None:
    assert networks(field) == found


@pytest.mark.parametrize(
    "field", ["[]", "['a.onnx']", "[('f',)]", "[('f', 1)]", "[('f', 'a.onnx'), ('f', 'b.onnx')]", "[1, 2]"]
)
def test_a_list_of_something_else_is_an_error(field: str) -> None:
    with pytest.raises(InputError) as caught:
        networks(field)
    assert caught.value.hint == "a list of networks is written [('f', 'f.onnx'), ('g', 'g.onnx')]"


def test_models_are_a_path_or_paths_by_name() -> None:
    assert models("a.onnx") == "a.onnx"
    assert models("[('f', 'a.onnx')]") == {"f": "a.onnx"}
    assert models("[('f', 'a.onnx'), ('g', 'b.onnx')]") == {"f": "a.onnx", "g": "b.onnx"}


def test_the_compressed_file_is_taken_where_it_is_the_only_one(tmp_path: Path) -> None:
    plain = str(tmp_path / "a.onnx")
    assert present(plain) == plain
    (tmp_path / "a.onnx.gz").touch()
    assert present(plain) == models(plain) == f"{plain}.gz"
    (tmp_path / "a.onnx").touch()
    assert present(plain) == plain

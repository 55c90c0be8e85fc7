"""Properties of past competitions, where a copy of them lies beside the project."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivan.errors import PropertyError
from ivan.vnnlib import read_query

DATA = Path(__file__).parents[2].parent / "shared" / "data"

# Benchmark -> its (inputs, outputs, conjunctions, boxes)
SIZES = {
    "acasxu": {(5, 5, 1, 1), (5, 5, 2, 1), (5, 5, 3, 1), (5, 5, 4, 1), (5, 5, 8, 2)},
    "cgan": {(5, 1, 2, 1)},
    "collins_rul_cnn": {(400, 1, 2, 1), (800, 1, 2, 1)},
    "cora": {(784, 10, 9, 1)},
    "dist_shift": {(792, 10, 1, 1)},
    "linearizenn": {(4, 2, 2, 1)},
    "lsnc": {(6, 8, 13, 1), (8, 10, 17, 1)},
    "ml4acopf": {(22, 186, 1, 1), (22, 186, 2, 1), (22, 186, 20, 1), (22, 186, 28, 1), (22, 186, 56, 1)},
    "mnist_fc": {(784, 10, 9, 1)},
    "oval21": {(3072, 10, 9, 1)},
    "rl_benchmarks": {(4, 2, 1, 1), (8, 4, 1, 1), (8, 8, 1, 1), (8, 8, 13, 1), (8, 8, 15, 1)},
    "safenlp": {(30, 2, 1, 1)},
    "sri_resnet_a": {(3072, 10, 9, 1)},
    "test": {(1, 1, 1, 1), (5, 5, 1, 1)},
    "tllverifybench": {(2, 1, 1, 1)},
    "verivital": {(784, 10, 9, 1)},
    "vit": {(3072, 10, 9, 1)},
}


def files(folder: str, pattern: str) -> list[Path]:
    found = sorted((DATA / folder).rglob(pattern))
    if not found:
        pytest.skip(f"no copy of {folder} in {DATA}")
    return found


@pytest.mark.parametrize("benchmark", SIZES)
def test_every_property_of_a_benchmark_is_read_and_has_its_size(benchmark: str) -> None:
    sizes = set()
    for file in files(f"vnncomp/{benchmark}", "*.vnnlib.gz"):
        query = read_query(file)
        conjunctions = list(query.conjunctions())
        boxes = {(id(conjunction.lower), id(conjunction.upper)) for conjunction in conjunctions}
        sizes.add((query.inputs, query.outputs, len(conjunctions), len(boxes)))
        assert all(None not in conjunction.lower + conjunction.upper for conjunction in conjunctions)
    assert sizes <= SIZES[benchmark]


def test_every_benchmark_at_hand_is_expected() -> None:
    folders = {file.relative_to(DATA / "vnncomp").parts[0] for file in files("vnncomp", "*.vnnlib.gz")}
    assert folders <= set(SIZES)


def test_a_model_is_no_property() -> None:
    for file in files("vnncomp/test", "*.onnx.gz"):
        with pytest.raises(PropertyError) as caught:
            read_query(file)
        assert caught.value.line > 0
        assert caught.value.hint


def test_queries_of_version_2_are_read_but_for_an_input_that_no_assertion_fixes() -> None:
    for file in files("vnnlib2", "*.vnnlib"):
        if file.name == "initialized.vnnlib":  # a draft of 2.1 takes values from the model
            with pytest.raises(PropertyError, match="initialized inputs are not supported"):
                read_query(file)
            continue
        query = read_query(file)
        assert query.version == 2
        assert not query.products
        assert query.inputs == sum(tensor.size for network in query.networks for tensor in network.inputs)


def test_pruned_networks_share_every_input_with_the_networks_they_come_from() -> None:
    for file in files("vnnlib2/isomorphic", "*.vnnlib"):
        query = read_query(file)
        assert query.equated == tuple((i, 5 + i) for i in range(5))
        assert [network.isomorphic_to for network in query.networks] == [None, "f"]

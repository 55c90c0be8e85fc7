"""A counterexample cut short still says of every input and output which it is."""

from __future__ import annotations

import numpy as np

from ivan.answer import assignment, shortened, tensors
from ivan.proof import Witness
from ivan.vnnlib.declarations import DeclaredNetwork, DeclaredTensor


def test_of_pairs_the_first_inputs_and_the_first_outputs_are_shown() -> None:
    text = assignment(Witness(np.array([0.5, 1.5, 2.5]), np.array([-1.0]), "float32"))
    assert shortened(text, 2) == ["(X_0 0.5)", "(X_1 1.5)", "and 1 more", "(Y_0 -1.0)"]


def test_of_tensors_the_first_values_are_shown_behind_their_heads() -> None:
    network = DeclaredNetwork("f", (DeclaredTensor("X", "real", (1, 3)),), (DeclaredTensor("Y", "float32", ()),))
    witness = Witness(np.array([0.5, 1.5, 2.5]), np.array([-1.0]), "float32")
    text = assignment(witness, tensors((network,), witness.inputs, witness.outputs))
    assert shortened(text, 2) == ["X real [1,3]", "0.5", "1.5", "and 1 more", "Y float32 []", "-1.0"]

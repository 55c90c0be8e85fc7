"""Proofs as data: what is claimed, apart from any weights."""

from ivan.proof.certificate import Certificates, MultiplierKind, Proof, Witness
from ivan.proof.ragged import Ragged
from ivan.proof.refinement import Refinements
from ivan.proof.tree import Kind, Refresh, Side, SpecTree, State, TreeBuilder

__all__ = [
    "Certificates",
    "Kind",
    "MultiplierKind",
    "Proof",
    "Ragged",
    "Refinements",
    "Refresh",
    "Side",
    "SpecTree",
    "State",
    "TreeBuilder",
    "Witness",
]

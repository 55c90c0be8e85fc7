"""Proofs as data: what is claimed, apart from any weights."""

from ivan.proof.certificate import ByNode, Certificates, MultiplierKind, Proof, Witness
from ivan.proof.ragged import Ragged, ranges
from ivan.proof.refinement import Refinements
from ivan.proof.tree import Firm, Kind, Refresh, Side, SpecTree, State, TreeBuilder

__all__ = [
    "ByNode",
    "Certificates",
    "Firm",
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
    "ranges",
]

"""What VNN-COMP agreed upon: how instances name their networks, and the three scripts that a tool brings along."""

from ivan.vnncomp.networks import models, networks, present
from ivan.vnncomp.scripts import SCRIPTS, scripts

__all__ = ["SCRIPTS", "models", "networks", "present", "scripts"]

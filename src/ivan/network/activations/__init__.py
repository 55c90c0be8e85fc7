"""Activations: what each computes and how it is enclosed by two lines on an interval."""

from ivan.network.activations.base import Activation, Choice, Curve, Lines, operands
from ivan.network.activations.exponential import Elu, Exp, Log, Softplus
from ivan.network.activations.gated import Gelu, GeluTanh, HardSwish, Mish, Swish
from ivan.network.activations.identity import Identity
from ivan.network.activations.linked import ReluLinked
from ivan.network.activations.moved import ReluMoved
from ivan.network.activations.periodic import Cos, Sin
from ivan.network.activations.powers import Power, Reciprocal, Sqrt, Square
from ivan.network.activations.product import Product
from ivan.network.activations.relu import Relu
from ivan.network.activations.sigmoidal import Arctan, Erf, Sigmoid, Softsign, Tanh
from ivan.network.activations.steps import Ceil, Floor, NotNegative, Positive, Round, Sign, Truncate, Zero

ACTIVATIONS: dict[str, Activation] = {
    a.name: a
    for a in (
        Identity(),
        Relu(),
        Product(),
        ReluMoved(),
        ReluLinked(),
        Sigmoid(),
        Tanh(),
        Erf(),
        Arctan(),
        Softsign(),
        Exp(),
        Log(),
        Softplus(),
        Elu(),
        Square(),
        Sqrt(),
        Reciprocal(),
        Power(3.0),
        Sin(),
        Cos(),
        Gelu(),
        GeluTanh(),
        Swish(),
        Mish(),
        HardSwish(),
        Positive(),
        NotNegative(),
        Sign(),
        Floor(),
        Ceil(),
        Round(),
        Truncate(),
        Zero(),
    )
}
"""Every activation by name; of those with parameters, `Elu` and `Power`, one of many."""

__all__ = [
    "ACTIVATIONS",
    "Activation",
    "Arctan",
    "Ceil",
    "Choice",
    "Cos",
    "Curve",
    "Elu",
    "Erf",
    "Exp",
    "Floor",
    "Gelu",
    "GeluTanh",
    "HardSwish",
    "Identity",
    "Lines",
    "Log",
    "Mish",
    "NotNegative",
    "Positive",
    "Power",
    "Product",
    "Reciprocal",
    "Relu",
    "ReluLinked",
    "ReluMoved",
    "Round",
    "Sigmoid",
    "Sign",
    "Sin",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Square",
    "Swish",
    "Tanh",
    "Truncate",
    "Zero",
    "operands",
]

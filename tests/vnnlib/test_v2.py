"""VNN-LIB 2.0: what is read, what it means, and what is refused where."""

from __future__ import annotations

import gc
import re
from fractions import Fraction
from itertools import product

import pytest

from ivan.errors import PropertyError
from ivan.vnnlib import DeclaredNetwork, DeclaredTensor, Query, Row, parse_query
from ivan.vnnlib import monomials as limits
from ivan.vnnlib.elements import FLOATING, INTEGERS

F = Fraction
VERSION = "(vnnlib-version <2.0>)"
HEAD = VERSION + "(declare-network N (declare-input X real [2]) (declare-output Y real [2]))"


def ask(*assertions: str, head: str = HEAD) -> Query:
    return parse_query(head + "".join(f"(assert {assertion})" for assertion in assertions))


def rows(assertion: str, head: str = HEAD) -> list[tuple[Row, ...]]:
    return [conjunction.rows for conjunction in ask(assertion, head=head).conjunctions()]


# Declarations

SEVERAL = (
    VERSION
    + """
; a comment ( with "quotes
(declare-network first
  (declare-input image float32 [2,3])
  (declare-input side int64 [])
  (declare-hidden code float32 [2] "enc/\\"a\\"\\n")
  (declare-output score float32 [1,2])
  (declare-output mask bool [3]))
(declare-network copy (equal-to first)
  (declare-input image2 float32 [2,3]) (declare-input side2 int64 [])
  (declare-output score2 float32 [1,2]) (declare-output mask2 bool [3]))
(declare-network half (isomorphic-to first)
  (declare-input image3 float16 [2,3]) (declare-input side3 int64 [])
  (declare-output score3 float16 [1,2]) (declare-output mask3 bool [3]))
"""
)


def test_networks_are_declared_with_tensors_of_any_rank() -> None:
    first, copy, half = ask("(<= side 3)", head=SEVERAL).networks
    assert first == DeclaredNetwork(
        name="first",
        inputs=(DeclaredTensor("image", "float32", (2, 3)), DeclaredTensor("side", "int64", ())),
        outputs=(DeclaredTensor("score", "float32", (1, 2)), DeclaredTensor("mask", "bool", (3,))),
        hidden=(DeclaredTensor("code", "float32", (2,), 'enc/"a"\n'),),
    )
    assert (copy.equal_to, copy.isomorphic_to) == ("first", None)
    assert (half.equal_to, half.isomorphic_to) == (None, "first")
    assert half.inputs[0].element == "float16"


@pytest.mark.parametrize(
    ("left", "right", "keys"),
    [
        ("image[0,0]", "image[1,2]", (0, 5)),
        ("side", "side2", (6, 13)),
        ("image2[0,1]", "image2[1,0]", (8, 10)),
        ("side3", "side", (20, 6)),
        ("score[0,0]", "score[0,1]", (~0, ~1)),
        ("mask[0]", "mask[2]", (~2, ~4)),
        ("code[0]", "code[1]", (~5, ~6)),
        ("score2[0,1]", "score[0,0]", (~8, ~0)),
        ("mask3[2]", "mask2[0]", (~16, ~9)),
    ],
)
def test_scalars_are_numbered_through_all_networks_outputs_before_hidden_tensors(
    left: str, right: str, keys: tuple[int, int]
) -> None:
    query = ask(f"(<= {left} {right})", head=SEVERAL)
    assert (query.inputs, query.outputs) == (21, 17)
    [conjunction] = query.conjunctions()
    [row] = conjunction.rows
    found = dict(row.inputs) | {~j: c for j, c in row.outputs}
    assert found == {keys[0]: 1, keys[1]: -1}


@pytest.mark.parametrize("element", sorted(FLOATING))
def test_floating_types_compare_with_decimal_numbers(element: str) -> None:
    head = HEAD.replace("real", element)
    assert ask("(<= X[0] 1.0)", head=head).networks[0].inputs[0].element == element
    with pytest.raises(PropertyError, match="does not go with"):
        ask("(<= X[0] 1)", head=head)


@pytest.mark.parametrize("element", sorted(INTEGERS))
def test_integer_types_compare_with_integers(element: str) -> None:
    head = HEAD.replace("real", element)
    assert ask("(<= X[0] 1)", "(<= 1 X[0])", head=head).networks[0].inputs[0].element == element
    with pytest.raises(PropertyError, match="does not go with"):
        ask("(<= X[0] 1.0)", head=head)
    if element.startswith("u"):
        with pytest.raises(PropertyError, match="negative integer"):
            ask("(<= -1 X[0])", head=head)
    else:
        assert ask("(<= -1 X[0])", head=head)


def test_real_is_spelled_as_in_early_drafts_too() -> None:
    assert ask("(<= X[0] 1.0)", head=HEAD.replace("real", "Real")).digest == ask("(<= X[0] 1.0)").digest


@pytest.mark.parametrize("version", ["<2.0>", "<2.1>", "<2.10>"])
def test_later_minor_versions_are_read_like_2_0(version: str) -> None:
    assert ask("(<= X[0] 1.0)", head=HEAD.replace("<2.0>", version)).version == 2


def test_a_header_may_stand_behind_comments_and_between_spaces() -> None:
    text = "; (vnnlib-version <1.0>)\n;;; ; ;\n ( vnnlib-version ; here\n <2.0> )" + HEAD.removeprefix(VERSION)
    assert parse_query(text + "(assert (<= X[0] 1.0))").version == 2


# Assertions


def test_tokens_need_spaces_only_where_they_would_run_together() -> None:
    plain = ask("(<= (* -2.5 X[0]) X[1])", "(<= Y[0] 1.0)")
    tight = parse_query(
        HEAD.replace(" real [", " real[") + "(assert(<=(* -2.5X[0])X[1]))".replace("5X", "5 X") + "(assert(<=Y[0]1.0))"
    )
    spaced = ask("(  <= ( * -2.5 X [ 0 ] ) X[1 ] ) ; (\n", " (<= Y\n[0] 1.0)")
    assert plain.digest == tight.digest == spaced.digest


@pytest.mark.parametrize(
    ("assertion", "expected"),
    [
        ("(<= Y[0] 1.5)", [({0: 1}, F(3, 2), False)]),
        ("(< Y[0] 1.5)", [({0: 1}, F(3, 2), True)]),
        ("(>= Y[0] 1.5)", [({0: -1}, F(-3, 2), False)]),
        ("(> Y[0] 1.5)", [({0: -1}, F(-3, 2), True)]),
        ("(<= (- Y[0]) 007.50)", [({0: -1}, F(15, 2), False)]),
        ("(<= (+ Y[0]) (* 2.0))", [({0: 1}, F(2), False)]),
        ("(<= (- 4.0 1.0 Y[0] Y[1]) 0.0)", [({0: -1, 1: -1}, F(-3), False)]),
        ("(<= (* 2.0 (+ Y[0] 1.0) -3.0) 0.1)", [({0: -6}, F(61, 10), False)]),
        ("(<= (* (- 3.0 1.0) Y[1]) 0.0)", [({1: 2}, F(0), False)]),
    ],
)
def test_arithmetic_is_exact(assertion: str, expected: list[tuple[dict[int, int], Fraction, bool]]) -> None:
    [found] = rows(assertion)
    assert [(dict(row.outputs), row.bound, row.strict) for row in found] == expected


def test_an_equation_is_two_inequalities_and_its_opposite_is_either_strict_one() -> None:
    [[one, two]] = rows("(== Y[0] Y[1])")
    assert (one.outputs, two.outputs) == (((0, F(1)), (1, F(-1))), ((0, F(-1)), (1, F(1))))
    assert not one.strict
    [[below], [above]] = rows("(!= Y[0] Y[1])")
    assert (below.outputs, above.outputs) == (one.outputs, two.outputs)
    assert below.strict
    assert above.strict


def test_inputs_that_are_equated_are_known() -> None:
    query = ask(
        "(== X[3] X[0])",
        "(and (<= X[1] X[2]) (<= (- X[2] X[1]) 0.0))",
        "(>= 0.0 (* 2.0 (- X[4] X[1])))",
        "(<= (* 3.0 X[1]) (* 3.0 X[4]))",
        "(== X[2] (+ X[5] 1.0))",
        "(<= X[0] X[5])",
        "(or (== X[0] X[5]) (== X[0] X[5]))",
        "(== X[0] Y[0])",
        "(and (<= X[0] 1.0) (>= X[0] 1.0) (<= X[1] 1.0) (>= X[1] 1.0))",
        head=HEAD.replace("X real [2]", "X real [6]"),
    )
    assert query.equated == ((0, 3), (1, 2), (1, 4))
    assert ask("(== X[0] X[1])").equated == ((0, 1),)
    assert ask("(<= X[0] X[1])").equated == ()


def test_a_chain_of_comparisons_is_deep_but_not_recursive() -> None:
    depth = 20_000
    deep = "(and " * depth + "(<= (- (+ X[0])) 1.0)" + ")" * depth
    assert ask(deep).digest == ask("(<= (- (+ X[0])) 1.0)").digest
    with pytest.raises(PropertyError, match="alternate more than 100 deep"):
        ask("(and (<= X[0] 1.0) (or (<= X[1] 1.0) " * 51 + "(<= X[0] 1.0)" + "))" * 51)


def test_the_cycle_collector_is_left_as_it_was() -> None:
    with pytest.raises(PropertyError):
        ask("(")
    assert gc.isenabled()


# Polynomials; the keys of X[0], X[1], Y[0], Y[1] are 0, 1, -1, -2


@pytest.mark.parametrize(
    ("assertion", "products"),
    [
        ("(<= (* X[0] X[1]) 1.0)", ((0, 1),)),
        ("(<= (* X[1] X[0]) 1.0)", ((0, 1),)),
        ("(<= (* Y[0] Y[1] X[0]) 1.0)", ((-2, -1, 0),)),
        ("(<= (* X[0] X[0] 2.0 X[0]) 1.0)", ((0, 0, 0),)),
        ("(<= (* (+ X[0] 1.0) (- X[0] 1.0)) 1.0)", ((0, 0),)),
        ("(<= (* (+ X[0] X[1]) (- X[0] X[1])) 1.0)", ((0, 0), (1, 1))),
        ("(<= (+ (* X[0] X[1] Y[0]) (* X[1] X[1])) 1.0)", ((1, 1), (-1, 0, 1))),
        ("(<= (- (* X[0] X[1]) (* X[1] X[0])) Y[0])", ()),
        ("(<= (+ (* X[0] X[1]) Y[0]) (+ (* X[1] X[1]) (* X[1] X[0])))", ((1, 1),)),
        ("(<= (* X[0] (- X[1] X[1])) 1.0)", ()),
        ("(<= (* X[0] 0.0 X[1]) 1.0)", ()),
    ],
)
def test_monomials_are_what_is_left_when_a_comparison_is_multiplied_out(
    assertion: str, products: tuple[tuple[int, ...], ...]
) -> None:
    query = ask(assertion)
    assert query.products == products
    assert (query.inputs, query.outputs) == (2, 2)


def test_a_monomial_stands_behind_the_outputs() -> None:
    [[row]] = rows("(<= (* (+ X[0] 1.0) (- (* 3.0 Y[1]) X[1])) X[0])")
    query = ask("(<= (* (+ X[0] 1.0) (- (* 3.0 Y[1]) X[1])) X[0])")
    assert query.products == ((-2, 0), (0, 1))
    assert row == Row(
        inputs=((0, F(-1)), (1, F(-1))),
        outputs=((1, F(3)), (2, F(3)), (3, F(-1))),
        bound=F(0),
        strict=False,
    )


def test_a_product_of_inputs_bounds_no_input_and_empties_no_box() -> None:
    query = ask("(<= (* X[0] X[0]) -1.0)", "(<= X[0] 1.0)", "(>= X[0] 0.0)")
    [conjunction] = query.conjunctions()
    assert not conjunction.empty
    assert (conjunction.lower[0], conjunction.upper[0]) == (0, 1)
    assert [row.outputs for row in conjunction.rows] == [((2, F(1)),)]


def test_a_constant_product_folds_and_a_cubic_is_seen_through() -> None:
    query = ask("(== (* (- Y[0] X[0]) (- Y[0] X[0]) (- Y[0] X[0])) 8.0)")
    assert len(query.products) == 4
    for x, y in product((F(-1), F(1, 2), F(3)), repeat=2):
        assert query.violated((x, F(0)), (x + 2, y))
        assert not query.violated((x, F(0)), (x + 3, y))
        assert query.violated_in_floats((float(x), 0.0), (float(x + 2), float(y)), at=float)
        assert not query.violated_in_floats((float(x), 0.0), (float(x + 3), float(y)), at=float)


def test_values_are_those_of_declared_inputs_and_outputs_only() -> None:
    query = ask("(<= (* X[0] X[1]) 1.0)")
    with pytest.raises(ValueError, match="expected 2 inputs and 2 outputs"):
        query.violated((F(0), F(0)), (F(0), F(0), F(0)))


def test_equal_polynomials_have_one_digest_however_they_are_written() -> None:
    written = [
        ("(<= (* (+ X[0] Y[0]) (- X[0] Y[0])) 1.0)", "(>= Y[1] (* X[0] X[1]))"),
        ("(<= (* X[1] X[0]) Y[1])", "(>= 1.0 (- (* X[0] X[0]) (* Y[0] Y[0])))"),
        ("(<= (- (* 2.0 X[0] X[0]) (* Y[0] Y[0] 2.0)) 2.0)", "(<= (- (* X[1] X[0]) Y[1]) (* Y[1] (- X[0] X[0])))"),
    ]
    assert len({ask(*assertions).digest for assertions in written}) == 1
    assert ask("(<= (* X[0] X[1]) 1.0)").digest != ask("(<= (* X[0] X[0]) 1.0)").digest
    assert ask("(<= (* X[0] X[1]) 1.0)").digest != ask("(<= Y[0] 1.0)").digest


# Digests

NAMED = VERSION + '(declare-network N (declare-input X float32 [2]) (declare-hidden H real [1] "h")'
NAMED += "(declare-output Y float32 [2]))(declare-network M (equal-to N) (declare-input A float32 [2])"
NAMED += "(declare-output B float32 [2]))(assert (<= X[0] 1.0))"


def test_names_do_not_matter_to_the_digest() -> None:
    other = re.sub(r"\b([NXHYMAB])\b", r"v_\1", NAMED)
    assert other != NAMED
    assert parse_query(other).digest == parse_query(NAMED).digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("real [1]", "float32 [1]"),
        ("float32", "real"),
        ("[1]", "[]"),
        ("[1]", "[1,1]"),
        ("equal-to", "isomorphic-to"),
        ("(equal-to N)", ""),
        ('"h"', '"g"'),
        ("X[0]", "X[1]"),
    ],
)
def test_what_is_declared_matters_to_the_digest(old: str, new: str) -> None:
    assert old in NAMED
    assert parse_query(NAMED.replace(old, new)).digest != parse_query(NAMED).digest


def test_the_same_inequality_in_the_two_dialects_is_not_the_same_question() -> None:
    old = parse_query("(declare-const X_0 Real)(declare-const Y_0 Real)(assert (<= X_0 1.0))")
    new = ask("(<= X[0] 1.0)", head=HEAD.replace("[2]", "[1]"))
    assert list(old.conjunctions()) == list(new.conjunctions())
    assert old.digest != new.digest


# What is refused; the marks « » enclose what is underlined

NET = VERSION + "\n(declare-network N (declare-input X real [2,3]) (declare-output Y real []))\n"
OTHER = "(declare-input A real [2,3]) (declare-output B real []))"
INT = VERSION + "(declare-network N (declare-input X int64 [2]) (declare-input U uint8 [1])"
INT += " (declare-input C complex64 [1]) (declare-output Y real [2]))"
TRUE = "(assert (<= Y 1.0))"

INVALID = [
    (VERSION + "«»", "a network must be declared first"),
    (VERSION + "«(»assert (<= 1.0 2.0))", "a network must be declared first"),
    (NET.rstrip() + "«»", "nothing is asserted"),
    ("(«vnnlib-version» <2.0>", "the version is written"),
    (VERSION + "«(»declare-network N (declare-input X real [2])", "this '(' is never closed"),
    (VERSION + "(declare-network «1N» (declare-input X real [2]))", "'1N' is no name"),
    (VERSION + "(declare-network «_»N (declare-input X real [2]))", "'_' is no name"),
    (VERSION + "(declare-network «and» (declare-input X real [2]))", "'and' is no name"),
    (VERSION + "(declare-network «f-copy» (declare-input X real [2]))", "'f-copy' is no name"),
    (VERSION + "(declare-network «(»declare-input X real [2]))", "the name of a network is missing"),
    (VERSION + "(declare-network «N» (declare-output X real [2]))", "network 'N' has no input"),
    (VERSION + "(declare-network «N» (declare-input X real [2]))", "network 'N' has no output"),
    (VERSION + "(declare-network N (declare-output Y real [2]) «(declare-input» X real [2]))", "comes too late"),
    (NET[:-2] + '«(declare-hidden» H real [1] "h"))', "'declare-hidden' comes too late"),
    (VERSION + "(declare-network N («declare-const» X real [2]))", "unknown declaration 'declare-const'"),
    (VERSION + "(declare-network N (declare-input X real «)»)", "a shape is missing"),
    (VERSION + "(declare-network N (declare-input X «[»2]))", "an element type is missing"),
    (VERSION + "(declare-network N (declare-input X «float» [2]))", "unknown element type 'float'"),
    (VERSION + "(declare-network N (declare-input X «Float32» [2]))", "unknown element type 'Float32'"),
    (VERSION + "(declare-network N (declare-input X real [«0»]))", "'0' is no dimension"),
    (VERSION + "(declare-network N (declare-input X real [2,«-1»]))", "'-1' is no dimension"),
    (VERSION + "(declare-network N (declare-input X real [«1.5»]))", "'1.5' is no dimension"),
    (VERSION + "(declare-network N (declare-input X real [1 «4»]))", "',' or ']' expected"),
    (VERSION + "(declare-network N (declare-input X real «[1,]»))", "a number is missing in these brackets"),
    (VERSION + "(declare-network N (declare-input «X» real [99999,99999]) (declare-output Y real []))", "more than"),
    (VERSION + "(declare-network N (declare-input X real [2] «initialized»))", "initialized inputs are not supported"),
    (VERSION + '(declare-network N (declare-input X real [2] «"x"»))', "only hidden tensors have an ONNX name"),
    (VERSION + "(declare-network N (declare-input X real [2] «[»3]))", "the declaration is too long"),
    (
        VERSION + "(declare-network N (declare-input X real [2]) (declare-hidden H real [1]«)»)",
        "a hidden tensor needs its name",
    ),
    (VERSION + '(declare-network N (declare-hidden H real [1] «"»a\\x"))', "this quote is never closed"),
    (VERSION + "(declare-network N (declare-input X real [2]) (declare-output «X» real [2]))", "declared twice"),
    (NET + "(declare-network M (declare-input «X» real [2]))", "'X' is declared twice"),
    (NET + "(declare-network «N» (declare-input A real [2]))", "network 'N' is declared twice"),
    (NET + "(declare-network M (equal-to «Q») " + OTHER, "network 'Q' is not declared"),
    (NET + "(declare-network M (equal-to «M») " + OTHER, "network 'M' is not declared"),
    (NET + "(declare-network M (equal-to N) «(isomorphic-to» N) " + OTHER, "another relation"),
    (NET + "(declare-network M (equal-to N «N») " + OTHER, "'equal-to' takes one name"),
    (
        NET
        + "(declare-network M (equal-to N) "
        + OTHER
        + "(declare-network L (equal-to «M») (declare-input C real []))",
        "'equal-to' names 'M', which is itself related to 'N'",
    ),
    (
        NET + "(declare-network M (equal-to N) «(declare-input A float32 [2,3])» (declare-output B real []))",
        r"'A' is float32 [2,3], but 'X' of 'N' is real [2,3]",
    ),
    (
        NET + "(declare-network M (isomorphic-to N) «(declare-input A real [3,2])» (declare-output B real []))",
        r"'A' is real [3,2], but 'X' of 'N' is real [2,3]",
    ),
    (
        NET + "(declare-network M (isomorphic-to «N») (declare-input A real [1]) " + OTHER.replace("A", "A2"),
        "'M' has 2 inputs, but 'N' has 1",
    ),
    (
        NAMED.partition("(assert")[0].replace(
            "M (equal-to N) (declare-input A float32 [2])",
            'M (equal-to N) (declare-input A float32 [2])«(declare-hidden G real [2] "h")»',
        ),
        r"'G' is real [2], but 'H' of 'N' is real [1]",
    ),
    (NET + TRUE + "«(declare-network» M " + OTHER, "a network is declared behind an assertion"),
    (NET + TRUE + "(«check-sat»)", "unknown command 'check-sat'"),
    (NET + TRUE + "«)»", "')' without a '('"),
    (NET + TRUE + "«x»", "a statement starts with '('"),
    (NET + TRUE + "«(»", "this '(' is never closed"),
    (NET + TRUE + "«(»)", "a command is missing"),
    (NET + "(«<=» Y 1.0)", "'<=' outside an assertion"),
    (NET + "«(»assert (<= Y 1.0)", "this '(' is never closed"),
    (NET + "«(assert )»", "'assert' takes one formula"),
    (NET + "(assert «Y»)", "'assert' takes a formula, not a term"),
    (NET + "(assert (<= Y 1.0) «(»<= Y 1.0))", "'assert' takes one formula; ')' expected"),
    (NET + "(assert («not» (<= Y 1.0)))", "unknown operator 'not'"),
    (NET + "(assert («=» Y 1.0))", "unknown operator '='"),
    (NET + "(assert (<= («/» Y 2.0) 1.0))", "unknown operator '/'"),
    (NET + "(assert «(»))", "an operator is missing"),
    (NET + "(assert «(and)»)", "'and' takes one operand or more, not 0"),
    (NET + "(assert «(<= 0.0 Y 1.0)»)", "'<=' takes two operands, not 3"),
    (NET + "(assert (<= «(-)» 1.0))", "'-' takes one operand or more, not 0"),
    (NET + "(assert (and (<= Y 1.0) «(+ Y 1.0)»))", "'and' takes formulas, not terms"),
    (NET + "(assert (and «Y»))", "'and' takes formulas, not terms"),
    (NET + "(assert (<= «(<= Y 1.0)» 2.0))", "'<=' takes terms, not formulas"),
    (NET + "(assert (<= «Z» 1.0))", "'Z' is not declared"),
    (NET + "(assert (<= «N» 1.0))", "'N' is not declared"),
    (NET + "(assert (<= «Z[0]» 1.0))", "'Z' is not declared"),
    (NET + "(assert (<= «Y[0]» 1.0))", "'Y' takes no index, not 1"),
    (NET + "(assert (<= «X» 1.0))", "'X' takes 2 indices, not 0"),
    (NET + "(assert (<= «X[0]» 1.0))", "'X' takes 2 indices, not 1"),
    (NET + "(assert (<= «X [0 ,1, 2 ]» 1.0))", "'X' takes 2 indices, not 3"),
    (NET + "(assert (<= «X[]» 1.0))", "indices are missing"),
    (NET + "(assert (<= «X[2,0]» 1.0))", "index 2 is outside dimension 0 of 'X', which goes from 0 to 1"),
    (NET + "(assert (<= X [1, «3»] 1.0))", "index 3 is outside dimension 1"),
    (NET + "(assert (<= X[«-1»,0] 1.0))", "index -1 is outside dimension 0"),
    (NET + "(assert (<= X[0,«0.5»] 1.0))", "index 0.5 is outside dimension 1"),
    (NET + "(assert (<= X[0,0]«[»0] 1.0))", "indices behind indices"),
    (NET + "(assert (<= Y «1.0e5»))", "malformed number '1.0e5'"),
    (NET + "(assert (<= Y «1e-05»))", "malformed number '1e-05'"),
    (NET + "(assert (<= Y «.5»))", "malformed number '.5'"),
    (NET + "(assert (<= Y «5.»))", "malformed number '5.'"),
    (NET + "(assert (<= «1.0Y»))", "malformed number '1.0Y'"),
    (NET + "(assert (<= Y «+»1.0))", "'+' stands without its '('"),
    (NET + f"(assert (<= Y «{'9' * 400}.0»))", "out of range"),
    (NET + f"(assert (<= Y «0.{'1' * 5000}»))", "out of range"),
    (NET + f"(assert (<= «X[0,{'9' * 5000}]» 1.0))", "is outside dimension 1"),
    (NET + f"(assert (<= «{'z' * 5000}» 1.0))", f"'{'z' * 40}...' is not declared"),
    (NET + '(assert (<= Y «"1.0"»))', "a string stands here"),
    (NET + "(assert (<= Y «|»Y|))", "'|' is no term"),
    (NET + "(assert (<= «Y-Y» 1.0))", "'Y-Y' is no term"),
    (NET + "(assert (<= Y «1»))", "'1' (integer) does not go with 'Y' (real)"),
    (NET + "(assert (<= 1.0 «2»))", "'2' (integer) does not go with '1.0' (decimal number)"),
    (NET + "(assert (<= (+ «1» Y) 2.0))", "'1' (integer) does not go with 'Y' (real)"),
    (INT + "(assert (<= X[0] «Y[0]»))", "'Y[0]' is of type real, but 'X[0]' of type int64"),
    (INT + "(assert (<= (* 2 X[0]) (- X[1] «Y [ 0 ]»)))", "'Y[0]' is of type real, but 'X[0]' of type int64"),
    (INT + "(assert (<= (+ 1 «-1») U[0]))", "'-1' (negative integer) does not go with 'U[0]' (uint8)"),
    (INT + "(assert (<= X[0] «1.0»))", "'1.0' (decimal number) does not go with 'X[0]' (int64)"),
    (INT + "(assert (== «C[0]» C[0]))", "'C[0]' is of type complex64, and such values cannot be compared"),
]


def test_leading_zeros_of_an_index_mean_nothing_however_many() -> None:
    [[row]] = rows(f"(<= Y[{'0' * 5000}1] 1.0)")
    assert row.outputs == ((1, F(1)),)


@pytest.mark.parametrize(("marked", "message"), INVALID, ids=[f"{i}-{m[:30]}" for i, (_, m) in enumerate(INVALID)])
def test_a_fault_is_named_underlined_and_given_a_hint(marked: str, message: str) -> None:
    before, _, after = marked.partition("«")
    fault = re.split("[»\n]", after)[0]
    text = marked.replace("«", "").replace("»", "")
    with pytest.raises(PropertyError) as caught:
        parse_query(text, "q.vnnlib")
    error = caught.value
    assert message in error.message
    line, column = before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1
    assert (error.line, error.column, error.width) == (line, column, max(1, len(fault)))
    assert error.source == text.split("\n")[line - 1]
    assert error.hint
    assert "\n" not in error.message


@pytest.mark.parametrize(
    ("term", "limit", "message"),
    [
        ("(* X[0] X[1] X[0] X[1])", ("HIGHEST_DEGREE", 3), "a product of more than 3 variables"),
        ("(* (+ X[0] X[1]) (+ X[0] X[1] Y[0]))", ("MOST_MONOMIALS", 4), "more than 4 different products of variables"),
        ("(* (+ X[0] X[1]) (+ X[0] X[1] 1.0))", ("MOST_TERMS", 8), "more than 8 products of terms"),
    ],
)
def test_effort_is_limited(monkeypatch: pytest.MonkeyPatch, term: str, limit: tuple[str, int], message: str) -> None:
    name, most = limit
    monkeypatch.setattr(limits, name, most + 1)
    assert ask(f"(<= {term} 1.0)").products
    monkeypatch.setattr(limits, name, most)
    with pytest.raises(PropertyError, match=message) as caught:
        ask(f"(<= {term} 1.0)")
    assert caught.value.width == len(term)

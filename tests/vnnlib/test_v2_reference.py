"""The standard's own parser, which is on PyPI as `vnnlib`, accepts and refuses the same texts.

The few deliberate differences stand in `DIFFERENT`, each with its reason.
"""

from __future__ import annotations

import ast
import importlib.util
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivan.errors import PropertyError
from ivan.vnnlib import parse_query

vnnlib = pytest.importorskip("vnnlib", reason="the standard's parser is not installed (pip install vnnlib)")

VERSION = "(vnnlib-version <2.0>)"
NETWORK = """(declare-network N
  (declare-input X real [2,3]) (declare-input K int64 [2]) (declare-input U uint8 [])
  (declare-hidden H float32 [4] "layer/0") (declare-output Y real []) (declare-output Z float32 [2]))
"""
COPY = """(declare-network M (equal-to N)
  (declare-input X2 real [2,3]) (declare-input K2 int64 [2]) (declare-input U2 uint8 [])
  (declare-output Y2 real []) (declare-output Z2 float32 [2]))
"""
TRUE = "(assert (<= Y 1.0))"
HEAD = VERSION + NETWORK


def reference_accepts(text: str) -> bool:
    try:
        vnnlib.parse_query_string(text)
    except Exception:  # it raises whatever its C++ raises
        return False
    return True


def ivan_accepts(text: str) -> bool:
    try:
        parse_query(text)
    except PropertyError:
        return False
    return True


# Texts on which both agree

ALIKE = [
    "",
    "; nothing",
    VERSION,
    NETWORK + TRUE,
    HEAD + TRUE,
    HEAD + COPY + TRUE,
    HEAD + TRUE + COPY,
    HEAD + TRUE + "x",
    HEAD + TRUE + ")",
    HEAD + TRUE[:-1],
    HEAD + TRUE + "; end",
    HEAD + "\f\r\n\t" + TRUE,
    *((HEAD + TRUE).replace("<2.0>", version) for version in ("<2.1>", "<3.0>", "<1.5>", "2.0", "<2>")),
    *((HEAD + TRUE).replace(" N\n", f" {name}\n") for name in ("Y", "n_1", "real", "1N", "_N", "N-1")),
    *(
        (HEAD + TRUE).replace("[4]", shape)
        for shape in ("[]", "[ 4\n]", "[04]", "[0]", "[-1]", "[4,]", "[4 4]", "[,]", "")
    ),
    *((HEAD + TRUE).replace("float32 [4]", text) for text in ("float32[4]", "[4]", "float32", "float32 float32 [4]")),
    *(
        (HEAD + TRUE).replace('"layer/0"', name)
        for name in ('""', '"a\\"b\\\\c\\n\\t"', '"a\nb;("', '"\\x"', "name", "", '"a" "b"')
    ),
    (HEAD + TRUE).replace('(declare-hidden H float32 [4] "layer/0")', ""),
    (HEAD + TRUE).replace("declare-output", "declare-input"),
    (HEAD + TRUE).replace("declare-input", "declare-output"),
    (HEAD + TRUE).replace(" Z ", " X "),
    (HEAD + TRUE).replace(" X real", ' X real [2,3] "x"'),
    *(
        (HEAD + COPY + TRUE).replace("equal-to N", relation)
        for relation in ("equal-to M", "equal-to Q", "isomorphic-to N", "similar-to N", "equal-to N N", "equal-to")
    ),
    *(
        (HEAD + COPY + TRUE).replace(old, new)
        for old, new in (
            ("X2 real [2,3]", "X2 real [3,2]"),
            ("K2 int64", "K2 int32"),
            ("(declare-input U2 uint8 [])", ""),
            ("Z2", "Z2 float32 [2]) (declare-output Z3"),
        )
    ),
    (HEAD + COPY + TRUE).replace("equal-to", "isomorphic-to").replace("Z2 float32", "Z2 float16"),
    (HEAD + COPY + TRUE).replace("(declare-output Y2", '(declare-hidden H2 real [4] "layer/0") (declare-output Y2'),
    HEAD + COPY + COPY.replace("2 ", "3 ").replace("M", "L") + TRUE,
    HEAD + COPY + COPY.replace("2 ", "3 ").replace("M", "L").replace("equal-to N", "equal-to M") + TRUE,
    *(
        HEAD + f"(assert {formula})"
        for formula in (
            "(and (<= Y 1.0))",
            "(and)",
            "(or)",
            "(or (<= Y 1.0) (and (<= Y 1.0)))",
            "(not (<= Y 1.0))",
            "(=> (<= Y 1.0) (<= Y 1.0))",
            "true",
            "Y",
            "(+ Y 1.0)",
            "(<= Y 1.0) (<= Y 1.0)",
            "",
            "(= Y 1.0)",
            "(== Y 1.0)",
            "(!= Y 1.0)",
            "(> Y 1.0)",
            "(>= Y 1.0)",
            "(< Y 1.0)",
            "(<= 0.0 Y 1.0)",
            "(<= Y)",
            "(<= 1.0 2.0)",
            "(<= 1 2)",
            "(<= -1 2)",
            "(<= (<= Y 1.0) 1.0)",
            "(and Y)",
        )
    ),
    *(
        HEAD + f"(assert (<= {term} 1.0))"
        for term in (
            "Y",
            "Y[0]",
            "Y[]",
            "X",
            "X[0,0]",
            "X[1,2]",
            "X[2,0]",
            "X[0,3]",
            "X[0]",
            "X[0,0,0]",
            "X[]",
            "X[0 ,0]",
            "X[ 0,0 ]",
            "X[0 0]",
            "X[0,]",
            "X[0,0",
            "X[0,0]]",
            "X[0,0][0]",
            "X[Y]",
            "Q",
            "N",
            "1.0",
            "-1.0",
            "--1.0",
            "- 1.0",
            "007.50",
            "1.",
            ".5",
            "1.0.0",
            "-Y",
            '"Y"',
            "(Y)",
            "(- Y)",
            "(- Y Y Y)",
            "(-)",
            "(+ Y)",
            "(+)",
            "(+ Y 1.0 Y)",
            "(*)",
            "(* Y)",
            "(* Y Y Y)",
            "(/ Y 2.0)",
            "(+ (* Y X[0,0]) (- 2.0))",
            "(-1.0)",
            "(- 1.0)",
            "(1.0)",
            "(+ Y -1.0)",
            "H[3]",
            "Z[0]",
            "(+ Z[0] Y)",
            "(+ Y Z[0])",
            "(+ 1.0 Z[0])",
            "(+ K[0] 1)",
            "(+ H[0] Z[1])",
            "9" * 400 + ".0",
            "Y; comment\n",
            "é",
        )
    ),
    *(
        HEAD + f"(assert (<= {left} {right}))"
        for left, right in (
            ("K[0]", "1"),
            ("K[0]", "-1"),
            ("-1", "K[1]"),
            ("K[0]", "1.0"),
            ("K[0]", "Y"),
            ("K[0]", "U"),
            ("U", "1"),
            ("U", "300"),
            ("U", "(* U 2)"),
            ("K[0]", "-9223372036854775808"),
            ("Z[0]", "Y"),
        )
    ),
    HEAD + "(assert " + "(and " * 5000 + "(<= Y 1.0)" + ")" * 5000 + ")",
]


@pytest.mark.parametrize("text", ALIKE, ids=range(len(ALIKE)))
def test_both_accept_a_text_or_both_refuse_it(text: str) -> None:
    assert ivan_accepts(text) == reference_accepts(text)


def test_the_list_has_texts_of_both_kinds() -> None:
    accepted = sum(map(ivan_accepts, ALIKE))
    assert len(ALIKE) / 4 < accepted < 3 * len(ALIKE) / 4


# Texts on which they differ, with what ivan says and why

DIFFERENT = {
    "a space may stand behind '(', as anywhere between tokens": [
        (True, HEAD + "( assert (<= Y 1.0))"),
        (True, "( vnnlib-version <2.0>)" + NETWORK + TRUE),
    ],
    "but no space may be left out behind an operator, or between a number and a name": [
        (False, HEAD + "(assert (<= (-Y) 1.0))"),
        (False, HEAD + "(assert(<=Y 1.0))"),
        (False, HEAD + "(assert (<= (+ Y-1.0) 1.0))"),
        (False, HEAD + "(assert (<= 1.0Y))"),
        (False, (HEAD + TRUE).replace("declare-network N", "declare-networkN")),
    ],
    "an index stands right behind its name, has nothing else inside, and is written in one way": [
        (False, HEAD + "(assert (<= X [0,0] 1.0))"),
        (False, HEAD + "(assert (<= X[00,1] 1.0))"),
        (False, HEAD + "(assert (<= X[0, ; a comment\n1] 1.0))"),
    ],
    "all blanks of Unicode are blanks, and a comment ends where any line does": [
        (True, HEAD + "\v" + TRUE),
        (True, HEAD + "\xa0" + TRUE),
        (True, HEAD + "; \r" + TRUE),
    ],
    "control characters are a sign of a file that is no text": [(False, HEAD + TRUE + "; \x01")],
    "keywords are no names of tensors, so they may be those of networks; quoted symbols are SMT-LIB's": [
        (True, (HEAD + TRUE).replace(" N\n", " and\n")),
        (True, (HEAD + TRUE).replace(" N\n", " |N|\n")),
        (True, HEAD + "(assert (<= |Y| 1.0))"),
    ],
    "a quote in a string may be doubled, as in SMT-LIB": [(True, (HEAD + TRUE).replace("layer/0", 'a""b'))],
    "hidden tensors and outputs may be declared in any order": [
        (True, (HEAD + TRUE).replace("(declare-output Z", '(declare-hidden G real [] "g") (declare-output Z')),
    ],
    "a query without assertions asks whether there is an input": [(True, HEAD)],
    "2.1 has inputs that are initialized, and nobody knows what 2.99 will have": [
        (True, (HEAD + TRUE).replace("<2.0>", "<2.1>").replace("X real [2,3]", "X real [2,3] initialized")),
        (False, (HEAD + TRUE).replace("<2.0>", "<2.99>")),
    ],
    "early drafts, and queries from their time, write Real": [
        (True, (HEAD + "(assert (<= 1.0 Y))").replace("real", "Real")),
    ],
    "an unknown element type is an error, whether a number is compared with it or not": [
        (False, (HEAD + "(assert (<= U U))").replace("uint8", "integer")),
    ],
    "numbers have signs and exponents, as every other tool writes them, and integers are real numbers": [
        (True, HEAD + "(assert (<= +1.0 Y))"),
        (True, HEAD + "(assert (<= 1.0e5 Y))"),
        (True, HEAD + "(assert (<= (+ Y 1) 1.0))"),
        (True, HEAD + "(assert (<= 1 2.0))"),
    ],
    "a truth value is a number, 0.0 or 1.0": [
        (True, (HEAD + "(assert (<= U 0.5))").replace("uint8", "bool")),
    ],
    "what is compared with elements of a type that no model has here is checked when there is a model": [
        (True, (HEAD + "(assert (<= U 0.5))").replace("uint8", "complex64")),
    ],
    "a negative number is less than every unsigned one": [
        (True, HEAD + "(assert (<= U -1))"),
        (True, HEAD + "(assert (<= -1 U))"),
    ],
    "the standard: names of networks are unique": [(False, HEAD + COPY.replace(" M (equal-to N)", " N") + TRUE)],
    "the standard: a network has at most one relation": [
        (False, (HEAD + COPY + TRUE).replace("(equal-to N)", "(equal-to N) (isomorphic-to N)")),
    ],
    "dimensions and indices are natural numbers; the reference cuts or ignores what is not": [
        (False, (HEAD + TRUE).replace("[4]", "[4.7]")),
        (False, HEAD + "(assert (<= X[0.5,0] 1.0))"),
        (False, HEAD + "(assert (<= X[-1,0] 1.0))"),
    ],
    "numbers are exact, whatever their length; the reference has 64 bits": [
        (True, HEAD + "(assert (<= K[0] 9223372036854775808))"),
        (True, HEAD + f"(assert (<= Y 0.{'0' * 400}1))"),
    ],
    "effort is limited": [
        (False, (HEAD + TRUE).replace("[4]", "[99999,99999]")),
        (False, HEAD + f"(assert (<= (*{' Y' * 17}) 1.0))"),
        (False, HEAD + "(assert " + "(and (<= Y 1.0) (or (<= Y 2.0) " * 60 + "(<= Y 1.0)" + "))" * 60 + ")"),
    ],
}


@pytest.mark.parametrize("reason", DIFFERENT)
def test_each_difference_is_one(reason: str) -> None:
    for accepted, text in DIFFERENT[reason]:
        assert ivan_accepts(text) is accepted
        assert reference_accepts(text) is not accepted


# Texts made at random

MANY = settings(max_examples=100, derandomize=True, deadline=None)
VARIABLES = ["X[0,0]", "X[1,2]", "X", "Y", "Z[1]", "K[0]", "U", "H[3]", "Q"]
DECIMALS, INTEGERS = ["0.0", "1.0", "-1.5"], ["0", "1", "-2"]
OPERATORS = ["+", "-", "*", "<=", ">=", "<", ">", "==", "!=", "=", "and", "or", "not"]
KEYWORDS = ["assert", "declare-input", "declare-output", "declare-hidden", "declare-network", "equal-to"]
TOKENS = ["(", ")", "[", "]", ",", "real", "float32", "int64", "<2.0>", *VARIABLES, *DECIMALS, *OPERATORS, *KEYWORDS]
BASE = (
    HEAD + COPY + "(assert (and (<= (+ (* 2.0 X[0,0]) Y) (- X[1,2] 1.0)) (or (> Z[1] H[3]) (!= K[0] K[1]) (<= U U2))))"
    "(assert (<= X[0,1] 1.0))(assert (>= Y (* Y Y2)))"
)


def tokens_of(text: str) -> list[str]:
    """Tokens, elements like X[0,0] kept whole; a parenthesis stays with the word behind it, as the reference wants."""
    return text.replace("(", " (").replace(")", " ) ").split()


def changed(words: list[str], source: random.Random, tokens: list[str]) -> str:
    """A text that one or two changes make of a query's words: often like for like, so that it may stay a query."""
    words = list(words)
    for _ in range(source.choice((1, 1, 1, 2))):
        place = source.randrange(len(words))
        kinds = [kind for kind in (VARIABLES, DECIMALS, OPERATORS) if words[place].lstrip("(") in kind]
        match source.randrange(6):
            case 0:
                del words[place]
            case 1:
                words.insert(place, source.choice(tokens))
            case 2:
                words[place] = source.choice(tokens)
            case 3:
                other = source.randrange(len(words))
                words[place], words[other] = words[other], words[place]
            case _:
                if kinds:
                    words[place] = ("(" if words[place][0] == "(" else "") + source.choice(kinds[0])
    return " ".join(words)


@MANY
@given(st.randoms(use_true_random=False))
def test_both_judge_alike_what_a_few_changes_make_of_a_query(source: random.Random) -> None:
    text = changed(tokens_of(BASE), source, TOKENS)
    if any(f"( {keyword}" in text for keyword in KEYWORDS):  # the first of the differences
        return
    if "declare-hidden" in text and not reference_accepts(text):  # their order, another of them
        return
    assert ivan_accepts(text) == reference_accepts(text), text


@MANY
@given(st.randoms(use_true_random=False))
def test_what_the_reference_accepts_is_accepted(source: random.Random) -> None:
    text = changed(tokens_of(BASE), source, [*TOKENS, *INTEGERS])
    if reference_accepts(text):
        assert ivan_accepts(text), text


def terms(kind: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Terms of the standard's grammar, over elements and numbers of one type."""
    return st.recursive(
        kind,
        lambda inner: st.builds(_applied, st.sampled_from("+-*"), st.lists(inner, min_size=1, max_size=3)),
        max_leaves=5,
    )


def _applied(symbol: str, operands: list[str]) -> str:
    return f"({symbol} {' '.join(operands)})"


REAL = terms(st.sampled_from(["X[0,0]", "X[\n1,\t2\n]", "Y", "0.5", "-1.0", "002.50"]))
WHOLE = terms(st.sampled_from(["K[0]", "K[1]", "3", "-4", "007"]))
ATOMS = st.builds(
    lambda symbol, pair: _applied(symbol, list(pair)),
    st.sampled_from(("<=", ">=", "<", ">", "==", "!=")),
    st.tuples(REAL, REAL) | st.tuples(WHOLE, WHOLE),
)
FORMULAS = st.recursive(
    ATOMS,
    lambda inner: st.builds(_applied, st.sampled_from(("and", "or")), st.lists(inner, min_size=1, max_size=3)),
    max_leaves=5,
)


@MANY
@given(FORMULAS, st.sampled_from((" ", "\n\t", " ; (\n")))
def test_both_accept_what_is_written_by_the_rules(formula: str, space: str) -> None:
    text = f"{HEAD}(assert {formula.replace(' ', space)})"
    assert ivan_accepts(text) == reference_accepts(text)


# Files


def test_queries_of_the_standards_test_suite_are_accepted() -> None:
    """All of `vnnlib-satisfactory` but one, whose isomorphic networks have outputs of different types."""
    package = importlib.util.find_spec("vnntest")
    if package is None or not package.submodule_search_locations:
        pytest.skip("the standard's test suite is not installed (pip install vnnlib-satisfactory)")
    files = sorted(Path(package.submodule_search_locations[0], "core", "tests").rglob("*.py"))
    assert len(files) > 100
    refused = {}
    for file in files:
        text = query_of(file)
        try:
            parse_query(text)
        except PropertyError as error:
            refused[file.stem] = str(error)
    assert list(refused) == ["network_isomorphic01"]


def query_of(file: Path) -> str:
    """The text that a case's `build_vnnlib_spec` returns; the rest of the case, which builds models, is not run."""
    kept = [
        node
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.Assign) or (isinstance(node, ast.FunctionDef) and node.name == "build_vnnlib_spec")
    ]
    names: dict[str, Any] = {}
    exec(compile(ast.Module(kept, []), str(file), "exec"), names)
    found = names["build_vnnlib_spec"]()
    return found if isinstance(found, str) else "\n".join(found)

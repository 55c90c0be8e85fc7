"""Records that are easy to tell apart, stores of every kind, and a promise that no test touches the real one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.store import server as postgresql

from ivan.digest import digest
from ivan.store import NetworkRecord, ProofRecord, ProofStore, PropertyRecord, RunRecord, WitnessRecord


@pytest.fixture(autouse=True)
def no_real_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVAN_STORE", str(tmp_path / "default" / "proofs.sqlite"))


class Records:
    """Makes records: those of one name are equal, those of two names differ everywhere."""

    def network(self, name: str = "base", weights: bytes | None = None) -> NetworkRecord:
        return NetworkRecord(
            digest=digest("network", name),
            architecture=digest("architecture", name),
            name=f"{name}.onnx",
            parameters=1234,
            file_digest=digest("file", name),
            weights=weights,
        )

    def asked(self, name: str = "robust", *, kin: str | None = None) -> PropertyRecord:
        return PropertyRecord(
            digest=digest("property", name),
            name=f"{name}.vnnlib",
            size=200,
            inputs=5,
            kin=kin,
            hull=None if kin is None else bytes(40),
        )

    def proof(self, data: bytes = b"tree and certificates", *, unfinished: bool = False) -> ProofRecord:
        return ProofRecord(format=1, leaves=7, depth=4, open=unfinished, data=data)

    def witness(self, *inputs: float) -> WitnessRecord:
        return WitnessRecord(inputs=inputs or (0.1, -2.5), outputs=(1e-300, 3.0), precision="float32")

    def run(
        self, verdict: str, *, network: str = "base", asked: str = "robust", parent: int | None = None
    ) -> RunRecord:
        return RunRecord(
            network=self.network(network).digest,
            property=self.asked(asked).digest,
            options=digest("options", 1),
            version="1.0",
            verdict=verdict,
            seconds=0.25,
            statistics={"domains": 13, "phases": {"search": 0.125}},
            parent=parent,
        )

    def save(
        self,
        store: ProofStore,
        verdict: str,
        *,
        network: str = "base",
        asked: str = "robust",
        parent: int | None = None,
        proof: ProofRecord | None = None,
        witness: WitnessRecord | None = None,
    ) -> int:
        run = self.run(verdict, network=network, asked=asked, parent=parent)
        return store.save(run, self.network(network), self.asked(asked), proof, witness)


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture(scope="session")
def server() -> Iterator[postgresql.Fresh]:
    """Makes empty databases on a PostgreSQL server, which the first test that needs one starts."""
    reason = postgresql.missing()
    if reason is not None:
        pytest.skip(reason)
    with postgresql.running() as fresh:
        yield fresh


@pytest.fixture(params=["file", "memory", "server"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Where an empty store of each kind may be made."""
    if request.param == "server":
        fresh: postgresql.Fresh = request.getfixturevalue("server")
        return fresh()
    return tmp_path / "proofs.sqlite" if request.param == "file" else "sqlite://"


@pytest.fixture
def store(location: str | Path) -> Iterator[ProofStore]:
    """An empty store of each kind; a warning is a failure."""
    warnings: list[str] = []
    with ProofStore.open(location, warn=warnings.append) as opened:
        yield opened
    assert not warnings

"""What was found out about other questions: the part of `ProofStore` that looks beyond the property at hand."""

from __future__ import annotations

from sqlalchemy import select

from ivan.store import queries, rows
from ivan.store.models import networks, properties
from ivan.store.reading import Reader
from ivan.store.records import NamedRun, StoredRun, WitnessRecord


class OtherQuestions(Reader):
    """Look-ups that start from a question and find the runs of others."""

    def proofs_of_others(
        self,
        property_digest: str,
        *,
        network: str | None = None,
        exclude_network: str | None = None,
        kin: str | None = None,
        limit: int = 64,
    ) -> list[NamedRun]:
        """Finished proofs of other properties: for each property and network the newest, the newest first.

        Whether a proof is intact is seen when `proof` loads it.

        Args:
            property_digest: of the question.
            network: digest of a network that they have to be about.
            exclude_network: digest of a network that they must not be about.
            kin: digest that their properties have to share.
            limit: the largest number of proofs.
        """
        with self._database.reading() as connection:
            chosen = queries.finished_proofs_of_others(property_digest, network, exclude_network, kin, limit)
            found = self._records(connection, chosen, rows.stored_run)
            wanted = select(*queries.NETWORK_COLUMNS).where(networks.c.digest.in_({run.network for run in found}))
            models = {network.digest: network for network in self._records(connection, wanted, rows.network_record)}
            wanted = select(*queries.PROPERTY_COLUMNS).where(properties.c.digest.in_({run.property for run in found}))
            asked = {record.digest: record for record in self._records(connection, wanted, rows.property_record)}
        return [
            NamedRun(run=run, network=models[run.network], asked=asked[run.property])
            for run in found
            if run.network in models and run.property in asked
        ]

    def witnesses_of_others(
        self, property_digest: str, network_digest: str, *, limit: int = 64
    ) -> list[tuple[StoredRun, WitnessRecord]]:
        """Inputs of a network that violated other properties, the newest first, each input once.

        Args:
            property_digest: of the question.
            network_digest: of the network asked about.
            limit: the largest number of witnesses.
        """
        return self._witnesses(queries.distinct_witnesses_of_others(property_digest, network_digest, limit))

    def query(self, property_digest: str) -> bytes | None:
        """What a property asks, as it was saved, or None when it is not kept; whoever decodes it compares its digest.

        Damaged bytes that are none at all are reported and passed over.
        """
        with self._database.reading() as connection:
            wanted = select(properties.c.digest, properties.c.query).where(properties.c.digest == property_digest)
            found = self._records(connection, wanted, rows.query_bytes)
        return found[0] if found else None

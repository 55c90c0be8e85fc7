"""The five tables, each column explained where it is defined.

A change here needs a migration in `migrations/versions` and a new `SCHEMA_REVISION`; a test compares the two.

SQLAlchemy Core, not its ORM: the queries are few, and the ORM would lengthen every start of the program.
Times are seconds since the epoch, because every backend sorts and returns those alike.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

SCHEMA_REVISION = "0003"
"""the newest migration, known here so that a store of this revision opens without alembic"""

metadata = MetaData()

networks = Table(
    "networks",
    metadata,
    # over the normal form, so that a renamed or re-exported model is the same network
    Column("digest", String(64), primary_key=True),
    # the same without the weights: versions that share it can share unit splits
    Column("architecture", String(64), nullable=False),
    # what its file was called when it was last used
    Column("name", Text, nullable=False),
    # number of weights and biases
    Column("parameters", BigInteger, nullable=False),
    # of the file that was last used, byte for byte
    Column("file_digest", String(64), nullable=False),
    # when a run on it was first saved
    Column("first_seen", Double, nullable=False),
    # zlib; absent above a size limit. Only compared with other versions, never computed with
    Column("weights", LargeBinary),
)

properties = Table(
    "properties",
    metadata,
    # over the normal form of the query
    Column("digest", String(64), primary_key=True),
    # what its file was called when it was last used
    Column("name", Text, nullable=False),
    # length of the text in bytes
    Column("size", BigInteger, nullable=False),
    # number of input variables
    Column("inputs", BigInteger, nullable=False),
    # digest of what is left of the query without its boxes and right-hand sides; absent in rows of revision 0001
    Column("kin", String(64)),
    # a box around all input boxes, little-endian float32. Advice: what it speaks against is not looked at more closely
    Column("hull", LargeBinary),
    # the query, as the codec packed it; absent above a size limit. Believed where it has the digest
    Column("query", LargeBinary),
    # the properties whose proofs may serve each other
    Index("properties_by_kin", "kin"),
)

runs = Table(
    "runs",
    metadata,
    # grows with time and is never used twice: a lineage must not point to a stranger
    Column("id", Integer, primary_key=True),
    # SHA-256 over everything that the verdict rests on (`store.checksum`)
    Column("checksum", String(64), nullable=False),
    # which version of the model was asked about
    Column("network", String(64), ForeignKey("networks.digest"), nullable=False),
    # what was asked
    Column("property", String(64), ForeignKey("properties.digest"), nullable=False),
    # digest of the options that change a proof
    Column("options", String(64), nullable=False),
    # of the tool that answered
    Column("version", String(64), nullable=False),
    # sat, unsat, unknown or timeout
    Column("verdict", String(16), nullable=False),
    # from both files parsed to the verdict
    Column("seconds", Double, nullable=False),
    # a JSON object; text, so that damage is found where it is read
    Column("statistics", Text, nullable=False),
    # the run whose proof this one grew from
    Column("parent", Integer, ForeignKey("runs.id", ondelete="SET NULL")),
    # when it was saved
    Column("created", Double, nullable=False),
    # when it was taken over from a file, which may come from anybody; absent for runs of this store's own users
    Column("imported", Double),
    # look-up of a question (both), and of the other versions that were asked it (the first)
    Index("runs_by_question", "property", "network"),
    # what else was asked of a network
    Index("runs_by_network", "network"),
    # the descendants of a run; without it every deletion of a run would read the whole table
    Index("runs_by_parent", "parent"),
    sqlite_autoincrement=True,
)

proofs = Table(
    "proofs",
    metadata,
    # a run has at most one proof
    Column("run", Integer, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    # version of the bytes
    Column("format", Integer, nullable=False),
    # number of leaves of the tree, and of splits on its longest path
    Column("leaves", BigInteger, nullable=False),
    Column("depth", BigInteger, nullable=False),
    # true for the tree of an interrupted run, which the next run goes on from
    Column("open", Boolean, nullable=False),
    # tree and certificates, as the codec packed them
    Column("data", LargeBinary, nullable=False),
)

witnesses = Table(
    "witnesses",
    metadata,
    # a run has at most one witness
    Column("run", Integer, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    # little-endian float64, flattened
    Column("inputs", LargeBinary, nullable=False),
    # what the model answered, in the same form
    Column("outputs", LargeBinary, nullable=False),
    # of the model: float32, float64, ...
    Column("precision", String(16), nullable=False),
)

revisions = Table(
    # alembic's own table under a name that other users of a shared database do not have
    "ivan_revision",
    metadata,
    # the migration that the schema is at
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="ivan_revision_pkc"),
)

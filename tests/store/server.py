"""A PostgreSQL server of the tests' own: no other program reaches it, and nothing is left of it.

It listens on a socket in a folder of its own and on no port, keeps nothing safe from a power cut, and runs as a user
without rights, which PostgreSQL insists on.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pwd import struct_passwd

DEBIAN = Path("/usr/lib/postgresql")
"""Where Debian puts the programs of every version, out of everybody's path."""

SETTINGS = {
    "listen_addresses": "''",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "16MB",
    "max_connections": "40",
}

USERS = ("postgres", "nobody")
"""Of these one runs the server where the tests are run by root."""

Fresh = Callable[[], str]
"""Makes an empty database; its URL."""


def programs() -> Path | None:
    """The folder of the newest version's programs."""
    found = [folder for folder in DEBIAN.glob("*/bin") if (folder / "initdb").exists() and (folder / "pg_ctl").exists()]
    return max(found, key=lambda folder: float(folder.parent.name), default=None)


def user() -> struct_passwd | None:
    """Who may run the server; None when it is whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    import pwd  # not everywhere

    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next((known[name] for name in USERS if name in known), None)


def missing() -> str | None:
    """Why no server can be started here."""
    if programs() is None:
        return f"PostgreSQL is not installed: no {DEBIAN}/*/bin/initdb (apt install postgresql)"
    if importlib.util.find_spec("psycopg") is None:
        return "psycopg is not installed (pip install 'ivan[postgresql]')"
    if os.geteuid() == 0 and user() is None:
        return f"PostgreSQL does not run as root, and there is no user {' or '.join(USERS)}"
    return None


@contextmanager
def running() -> Iterator[Fresh]:
    """A server for as long as the block lasts; whoever calls this has asked `missing` before."""
    folder, owner, bin_ = Path(tempfile.mkdtemp(prefix="ivan-")), user(), programs()
    assert bin_ is not None
    identity = {} if owner is None else {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    if owner is not None:
        os.chown(folder, owner.pw_uid, owner.pw_gid)

    def call(program: str, *arguments: str | Path) -> None:
        command = [str(bin_ / program), *map(str, arguments)]
        with (folder / "said").open("w") as said:  # no pipe: the server would keep it open
            done = subprocess.run(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False, **identity
            )
        assert done.returncode == 0, f"{program}: {(folder / 'said').read_text()}"

    data, numbers = folder / "data", itertools.count(1)

    def fresh() -> str:
        name = f"ivan{next(numbers)}"
        call("createdb", "--host", folder, "--username", "ivan", name)
        return f"postgresql+psycopg://ivan@/{name}?host={folder}"

    try:
        call("initdb", "--pgdata", data, "--username", "ivan", "--auth", "trust", "--encoding", "UTF8", "--no-locale",
             "--no-sync")  # fmt: skip
        settings = {**SETTINGS, "unix_socket_directories": f"'{folder}'"}
        with (data / "postgresql.conf").open("a") as configuration:
            configuration.writelines(f"{name} = {value}\n" for name, value in settings.items())
        call("pg_ctl", "start", "--wait", "--pgdata", data, "--log", folder / "log")
        try:
            yield fresh
        finally:
            call("pg_ctl", "stop", "--wait", "--mode", "immediate", "--pgdata", data)
    finally:
        shutil.rmtree(folder)

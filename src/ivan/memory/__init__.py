"""What the store remembers about a question, in the terms of the verifier.

stored.py    what of a stored value is believed
implied.py   an answer that follows from one to another question
bases.py     which stored proof to start from
memory.py    `Memory`: all of it, seen from one question, and saving
"""

from ivan.memory.bases import Base, Version
from ivan.memory.memory import Memory, load_store

__all__ = ["Base", "Memory", "Version", "load_store"]

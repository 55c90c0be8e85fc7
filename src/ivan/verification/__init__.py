"""One query, start to end.

    read -> look up -> attack a little -> replay what is stored -> attack -> search -> answer -> save

api.py       the function that everybody calls, and what it refuses
question.py  what is asked: both files read, and the problem that they make
lookup.py    what the store has on it: an answer, a counterexample, a proof to start from
run.py       the order of the steps, up to the answer
keeping.py   afterwards: what is saved, and made cheaper to replay
progress.py  how far it has come, and who is told

The answer is handed to the listener before anything is saved. Every way to an answer ends in one of two places:
`unsat` rests on certificates that held in a rigorous pass on this very model and cover every case of every region, or
on a stored run of the same model whose checksum holds, that was found here, and whose property is this one or contains
it; `sat` rests on onnxruntime.
"""

from ivan.verification.api import verify

__all__ = ["verify"]

"""Pictures of stored proofs: the specification tree as text, as a page, for papers and for programs.

    stored.py    from the store to a picture: which run, which proof, what it grew from
    question.py  which run answers a model and a property
    picture.py   the tree in the order in which it is drawn, with sums over subtrees
    folding.py   which nodes are shown when deep subtrees are folded
    words.py     splits, bounds and names as every picture writes them
    text.py      for terminals
    vector.py    SVG for papers
    page.py      one HTML page that needs nothing else; its parts are in assets/
    report.py    JSON

A picture is drawn of what is stored: nothing is computed anew for it.
"""

"""Documentation of commands beside redis-server: facts are equal, sentences are our own.

A sentence counts as taken over when it has more than six words and is nearly the reference's."""
import difflib
import os
import re

from beside import side_by_side

HELPS = ["ACL", "CLIENT", "COMMAND", "CONFIG", "DEBUG", "FUNCTION", "SCRIPT", "LATENCY", "MEMORY", "OBJECT", "PUBSUB", "SLOWLOG", "XGROUP", "XINFO"]
FACTS = ["since", "group", "deprecated_since", "arguments"]
OTHERS = {"hscan", "zrank", "zrevrank",  # with words of 7.2
          "sort", "sort_ro",             # patterns carry a key specification there
          "pfmerge", "debug"}            # says more than 7.0 does
ALIKE = 0.85


def text(x):
    return x.decode() if isinstance(x, bytes) else [text(v) for v in x] if isinstance(x, list) else x


def fields(flat):
    return dict(zip(flat[::2], flat[1::2]))


def documented(flat):
    for name, doc in fields(flat).items():
        doc = fields(doc)
        yield name, doc
        yield from documented(doc.get("subcommands", []))


def sentences(doc):
    return [doc[f] for f in ("summary", "complexity") if f in doc] + [h[1] for h in doc.get("history", [])]


def words(sentence):
    return " ".join(re.findall(r"[a-z0-9'+-]+", sentence.lower()))


def taken_over(mine, theirs):
    """Those of our sentences that are nearly one of theirs."""
    theirs = [words(t) for t in theirs]
    for sentence in mine:
        w = words(sentence)
        if len(w.split()) > 6 and any(difflib.SequenceMatcher(None, w, t).ratio() > ALIKE for t in theirs):
            yield sentence


def explanations(client, name):
    """Lines of the help text that are indented; the others are signatures, and facts."""
    got = client.raw(name, "HELP")
    return [line for line in got if line.startswith("    ")] if isinstance(got, list) else []


def test_documentation():
    def run(c):
        mine, theirs = (dict(documented(text(x.cmd("COMMAND", "DOCS")))) for x in (c.ours, c.theirs))
        copied = [(name, s) for name, doc in mine.items() if name in theirs
                  for s in taken_over(sentences(doc), sentences(theirs[name]))]
        assert not copied, copied
        wrong = [(name, f, doc.get(f), theirs[name].get(f)) for name, doc in mine.items() if name in theirs
                 for f in FACTS if doc.get(f) != theirs[name].get(f) and not (f == "arguments" and name in OTHERS)]
        assert not wrong, wrong
        bare = [name for name, doc in mine.items() if not doc.get("summary") or not doc.get("since")]
        assert not bare, bare
    side_by_side(2, run)


def test_help():
    def run(c):
        for name in HELPS:
            copied = [s for s in taken_over(explanations(c.ours, name), explanations(c.theirs, name)) if "|" not in s]
            assert not copied, (name, copied)
    side_by_side(2, run)


def test_sentinel_page():
    """docs/sentinel.md names each event of our own, with its level, as sentinel/events.c has it."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    with open(os.path.join(root, "sentinel", "events.c")) as f:
        rows = re.findall(r'\[SN_EVT_\w+\] = \{ "([^"]+)", (\w+), \w+ \}', f.read())
    with open(os.path.join(root, "docs", "sentinel.md")) as f:
        page = re.findall(r"(?m)^\| `([+-][a-z-]+)` \| (\w+) \|", f.read())
    first = [name for name, _ in rows].index("+foreign")  # those before it are Redis'
    assert len(page) == len(set(page)) and sorted(page) == sorted((n, level.lower()) for n, level in rows[first:]), page

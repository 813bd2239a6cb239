"""Runs lists of commands on our binary and on the reference side by side, and compares the replies.

A line is `COMMAND ... | COMMAND ...`; words may be quoted, "\\xNN" stands for a byte."""
import random
import re

from test_commands import both, compare


def words_of(text):
    words = re.findall(r'"[^"]*"|\S+', text)
    return [re.sub(r'^"(.*)"$', r"\1", w).encode("latin-1").decode("unicode_escape").encode("latin-1") for w in words]


def play(commands, resp=2):
    """`commands` is a sequence of lists of words; the first of a list is a str."""
    differences = []

    def run(a, b):
        before = []
        for words in commands:
            compare(a, b, words, differences, before)
            before.append(" ".join(w if isinstance(w, str) else repr(w) for w in map(str, words)))
    both(resp, run)
    assert not differences, f"{len(differences)} differences\n" + "\n".join(differences[:30])


def scripted(text, resp):
    def commands():
        for line in text.strip().split("\n"):
            for part in line.split("|"):
                words = words_of(part.strip())
                yield [words[0].decode()] + words[1:]
            yield ["FLUSHALL"]
    play(commands(), resp)


def generated(seed, n, shapes, pick):
    """n lists of words: a shape's words that are keys of `pick` become one of its values."""
    r = random.Random(seed)
    for _ in range(n):
        yield [r.choice(pick[w]) if w in pick else w for w in r.choice(shapes).split(" ")]

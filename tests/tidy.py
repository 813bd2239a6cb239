#!/usr/bin/env python3
"""The house rules that a machine can check: layers, sizes, bans, header comments, line length.

Prints each breach as file:line and ends with 1 if there is any.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# What each folder may include, beside itself (docs/architecture.md has the same table in words).
CORE = ["core/base", "core/sys", "core/net", "core/resp", "core/conf", "core/types", "core/db", "core/rdb",
        "core/front"]
MAY = {
    "core/base": [],
    "core/sys": ["core/base"],
    "core/resp": ["core/base"],
    "core/types": ["core/base"],
    "core/net": ["core/base", "core/sys"],
    "core/conf": ["core/base", "core/sys"],
    "core/db": ["core/base", "core/types"],
    "core/rdb": ["core/base", "core/types", "core/db"],
    "core/front": ["core/base", "core/sys", "core/net", "core/resp", "core/conf"],
    "replication": ["core/base", "core/resp", "core/sys", "core/net", "core/front"],
    "sentinel": ["core/base", "core/resp", "core/sys", "core/net", "core/conf", "core/front"],
    "server": CORE + ["replication", "server/cmd", "server/persist", "server/script"],
    "server/cmd": CORE + ["replication", "server", "server/persist", "server/script"],
    "server/persist": CORE + ["replication", "server", "server/script"],
    "server/script": CORE + ["replication", "server", "server/persist"],
    "main.c": ["core/base", "core/sys", "core/conf", "core/front", "server", "sentinel"],
}
PURE_MAY = ["core/base", "core/resp"]

# Libraries and the one place that may include them.
LIBRARIES = {
    "ev.h": ["core/net/loop.c"],
    "liblzf/lzf.h": ["core/rdb/"],
    "cjson/cJSON.h": ["core/conf/describe.c"],
    "lua.h": ["server/script/"],
    "lauxlib.h": ["server/script/"],
    "lualib.h": ["server/script/"],
    "lua-cjson.h": ["server/script/sandbox.c"],
    "lua-bitop.h": ["server/script/sandbox.c"],
    "jemalloc/jemalloc.h": ["core/base/mem.c"],
}

BANNED_PURE = re.compile(
    r"\b(time|gettimeofday|clock_gettime|clock_mono_ms|clock_wall_ms|rand|random|srand|getrandom|socket|connect|"
    r"fopen|open|read|write|log_line|log_notice|log_warning|loop_now_ms|getenv|malloc|calloc|realloc|free)\s*\(")
BANNED_ALL = re.compile(r"\b(strcpy|strcat|sprintf|gets|strtok|rand|alloca)\s*\(")

CAP_SOURCE, CAP_HEADER, CAP_FUNCTION, CAP_COLUMNS = 800, 250, 70, 100

breaches = []


def breach(path, line, text):
    breaches.append(f"{path}:{line}: {text}")


def sources():
    found = ["main.c"]
    for top in ("core", "replication", "sentinel", "server", "tests"):
        for folder, _, files in os.walk(os.path.join(ROOT, top)):
            found += [os.path.relpath(os.path.join(folder, f), ROOT) for f in files if f.endswith((".c", ".h"))]
    return found


def pure_files():
    """What the meson files list as pure, and the headers beside them."""
    pure = set()
    for folder, var in (("replication", "replpure_src"), ("sentinel", "snpure_src")):
        text = open(os.path.join(ROOT, folder, "meson.build")).read()
        m = re.search(var + r"\s*=\s*files\((.*?)\)", text, re.S)
        for name in re.findall(r"'([^']+)'", m.group(1)) if m else []:
            pure.add(f"{folder}/{name}")
            pure.add(f"{folder}/{name[:-2]}.h")
    return pure


def shell_headers():
    """Headers whose source file the meson files list as shell."""
    found = set()
    for folder, var in (("replication", "repl_src"), ("sentinel", "sentinel_src")):
        text = open(os.path.join(ROOT, folder, "meson.build")).read()
        m = re.search(r"^" + var + r"\s*=\s*files\((.*?)\)", text, re.S | re.M)
        for name in re.findall(r"'([^']+)'", m.group(1)) if m else []:
            found.add(f"{folder}/{name[:-2]}.h")
    return found


SHELL_HEADERS = shell_headers()


def layer(path):
    return path if path == "main.c" else os.path.dirname(path)


def check_include(path, n, target, pure):
    home = layer(path)
    if home.startswith("tests"):
        return
    if home not in MAY:
        breach(path, n, f"folder {home} stands in no row of the layer table")
        return
    there = os.path.dirname(target)
    if there == home:
        if path in pure and target in SHELL_HEADERS:
            breach(path, n, f"pure file includes {target}")
        return
    allowed = PURE_MAY if path in pure else MAY[home]
    if there not in allowed:
        breach(path, n, f"{home} may not include {target}")


def strip_code(text):
    """Without comments and strings, lines kept."""
    def blank(m):
        return re.sub(r"[^\n]", " ", m.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def check_functions(path, code):
    depth, start = 0, 0
    lines = code.split("\n")
    for n, line in enumerate(lines, 1):
        if depth == 0 and line.startswith("{"):
            start = n
        opened = depth
        depth += line.count("{") - line.count("}")
        if opened > 0 and depth == 0 and start and line.startswith("}"):
            is_data = lines[n - 1].rstrip().endswith(";")
            if not is_data and n - start - 1 > CAP_FUNCTION:
                breach(path, start, f"function of {n - start - 1} lines (cap {CAP_FUNCTION})")
            start = 0


def check_file(path, pure):
    text = open(os.path.join(ROOT, path), encoding="utf-8").read()
    lines = text.split("\n")
    cap = CAP_HEADER if path.endswith(".h") else CAP_SOURCE
    if len(lines) - 1 > cap:
        breach(path, 1, f"{len(lines) - 1} lines (cap {cap})")
    if path.endswith(".h") and not text.startswith("/* "):
        breach(path, 1, "a header begins with a comment that says what it is")
    for n, line in enumerate(lines, 1):
        if len(line) > CAP_COLUMNS:
            breach(path, n, f"{len(line)} columns (cap {CAP_COLUMNS})")
        m = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        if m:
            check_include(path, n, m.group(1), pure)
        m = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
        if m and m.group(1) in LIBRARIES and not path.startswith("tests/"):
            if not any(path.startswith(p) for p in LIBRARIES[m.group(1)]):
                breach(path, n, f"{m.group(1)} is included elsewhere only")
    code = strip_code(text)
    check_functions(path, code)
    for n, line in enumerate(code.split("\n"), 1):
        for pattern, where in ((BANNED_ALL, True), (BANNED_PURE, path in pure)):
            m = pattern.search(line) if where else None
            if m and not path.startswith("tests/"):
                breach(path, n, f"{m.group(1)} is banned here")


def main():
    pure = pure_files()
    files = sources()
    for path in sorted(files):
        check_file(path, pure)
    for b in breaches:
        print(b)
    print(f"tidy: {len(files)} files, {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())

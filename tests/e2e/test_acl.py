"""Users: from files, as the caller's own, and while transactions are open."""
import os

from lib import TANIST, Stage, fails, free_port, run, wait_for, write_file

NO_CHANGE = "WARNING: ACL errors detected, no change to the previously active ACL rules was performed"


def with_file(stage, text):
    path = os.path.join(stage.folder, "users.acl")
    write_file(path, text)
    return path, stage.server("--aclfile", path)


def test_file_says_all_of_the_default_user():
    with Stage() as stage:
        path, p = with_file(stage, "user default on nopass ~a +@all\n")
        with p.client() as c:
            assert c.cmd("ACL", "LIST") == [b"user default on nopass ~a resetchannels +@all"] or \
                c.cmd("ACL", "GETUSER", "default")[9] == b"", "it does not keep what it had before"
            assert fails(c.cmd, "SET", "b", 1).startswith("NOPERM")
            assert fails(c.cmd, "SUBSCRIBE", "ch").startswith("NOPERM")
            write_file(path, "user default on nopass ~* &* +@all\n")
            assert c.cmd("ACL", "LOAD") == "OK"
            assert c.cmd("SET", "b", 1) == "OK"
    with Stage() as stage:
        write_file(os.path.join(stage.folder, "x.conf"), "user default on nopass ~a +@all\n")
        p = stage.start([TANIST, os.path.join(stage.folder, "x.conf"), "--port", str(port := free_port())], port)
        with p.client() as c:
            assert fails(c.cmd, "SET", "b", 1).startswith("NOPERM")


def test_errors_in_the_file():
    with Stage() as stage:
        path, p = with_file(stage, "")
        bad = {
            "user a on\n\nuser a off\n": "WARNING: Duplicate user 'a' found on line 3. ",
            "user default on\nuser default on\n": "WARNING: Duplicate user 'default' found on line 2. ",
            "users a on\nuser\n": f"{path}:1 should start with user keyword followed by the username. "
                                  f"{path}:2 should start with user keyword followed by the username. ",
            "user a +nothing\nuser b\nuser b\n":
                f"{path}:1: Error in applying operation '+nothing': Unknown command or category name in ACL. "
                "WARNING: Duplicate user 'b' found on line 3. ",
            "user a \"b c\"\n": f"{path}:1: Syntax error. ",
        }
        with p.client() as c:
            c.cmd("ACL", "SETUSER", "stays", "on")
            for text, error in bad.items():
                write_file(path, text)
                assert fails(c.cmd, "ACL", "LOAD") == f"ERR {error}{NO_CHANGE}", text
                assert c.cmd("ACL", "USERS") == [b"default", b"stays"]
        for name in ("foo", "default"):
            got = run(TANIST, "--port", str(free_port()), "--user", name, "--user", name)
            assert got.returncode == 1
            assert f"Error in user declaration '{name}': Duplicate user found" in got.stdout + got.stderr


def test_own_user_goes():
    """Who removes itself has its answer first."""
    with Stage() as stage:
        p = stage.server()
        with p.client() as c, p.client() as admin:
            admin.cmd("ACL", "SETUSER", "me", "on", "nopass", "+acl")
            c.cmd("AUTH", "me", "x")
            assert c.cmd("ACL", "DELUSER", "me") == 1
            assert c.closed()
            assert admin.cmd("PING") == "PONG"


def test_rules_change_before_exec():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c, p.client() as admin:
            admin.cmd("ACL", "SETUSER", "u", "on", "nopass", "+@all", "~k", "&c")
            c.cmd("AUTH", "u", "x")
            lost = {"-incr": ("no permission to execute the command or subcommand", "command", "incr"),
                    "resetkeys": ("no permission to touch the specified keys", "key", "k"),
                    "resetchannels": ("no permission to access one of the channels used as arguments",
                                      "channel", "c")}
            for rule, (why, reason, what) in lost.items():
                admin.cmd("ACL", "SETUSER", "u", "resetkeys", "~k", "resetchannels", "&c", "+@all")
                c.cmd("MULTI")
                c.cmd(*(("PUBLISH", "c", 1) if reason == "channel" else ("INCR", "k")))
                admin.cmd("ACL", "SETUSER", "u", rule)
                assert str(c.cmd("EXEC")[0]) == (
                    "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. "
                    f"This command is no longer allowed for the following reason: {why}"), rule
                entry = admin.cmd("ACL", "LOG")[0]
                assert entry[3:8:2] == [reason.encode(), b"multi", what.encode()], entry
            c.raw("AutH", "nobody", "x")  # a refused login is logged as it was typed
            assert admin.cmd("ACL", "LOG")[0][3:8:2] == [b"auth", b"toplevel", b"AutH"]


def test_sort_reads_what_no_argument_names():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c, p.client() as admin:
            admin.cmd("RPUSH", "l", 1)
            admin.cmd("SET", "v1", 1)
            for rules, may in (("(+sort ~l)", False), ("(+sort ~l ~v*)", False), ("(+sort ~l %W~*)", False),
                               ("(+sort %R~*)", True), ("(+get ~*)", False)):
                admin.cmd("ACL", "SETUSER", "u", "reset", "on", "nopass", "(+sort ~l)", rules)
                c.cmd("AUTH", "u", "x")
                for option in ("BY", "GET"):
                    got = c.raw("SORT", "l", option, "v*")
                    if may:
                        assert got == [b"1"], (rules, got)
                    else:
                        assert str(got) == f"ERR {option} option of SORT denied due to insufficient ACL permissions."


def test_passwords_with_zero_bytes():
    with Stage() as stage:
        p = stage.server()
        with p.client() as c:
            for name in ("requirepass", "masterauth"):
                assert c.cmd("CONFIG", "SET", name, b"abc\0def") == "OK"
                assert c.cmd("CONFIG", "GET", name)[1] == b"abc\0def"
        with p.client() as c:
            assert fails(c.cmd, "AUTH", "abc").startswith("WRONGPASS")
            assert c.cmd("AUTH", b"abc\0def") == "OK"
        replica = stage.server("--masterauth", "abc", "--replicaof", "127.0.0.1", p.port)
        with replica.client() as r:
            wait_for("the refusal", lambda: "Unable to AUTH to MASTER" in replica.logged())
            r.cmd("CONFIG", "SET", "masterauth", b"abc\0def")
            wait_for("the link", lambda: r.info("replication")["master_link_status"] == "up")

"""PostgreSQL under pgbench: backends are killed, it recovers each time, and no balance is off."""

import contextlib, glob, os, shutil, signal

NEEDS = ["/usr/lib/postgresql/*/bin/postgres:postgresql", "setpriv:util-linux"]
QUICK = ["killed-backends"]
# What pgbench keeps equal in each transaction.
BALANCES = """select (select sum(abalance) from pgbench_accounts) = (select sum(tbalance) from pgbench_tellers)
    and (select sum(tbalance) from pgbench_tellers) = (select sum(bbalance) from pgbench_branches)"""


def parts():
    return QUICK


def run(way, part):
    data = way.folder / "data"
    data.mkdir()
    if os.getuid() == 0:  # which PostgreSQL refuses
        shutil.chown(data, "postgres", "postgres")
    tool = lambda name: max(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    there = ["-h", data, "-U", "postgres"]
    ask = lambda query: way.ask(["psql", *there, "-X", "-A", "-t", "-c", query], user="postgres")
    bench = lambda *words: way.start([tool("pgbench"), *there, *words, "postgres"], user="postgres", prefixed=False)
    if way.ask([tool("initdb"), "-D", data, "-U", "postgres", "-N"], user="postgres") is None:
        raise OSError("initdb failed")
    server = way.start([tool("postgres"), "-D", data, "-k", data, "-c", "listen_addresses=", "-c", "fsync=off"],
                       user="postgres")
    answers = lambda: ask("select 1") == "1"
    way.until(answers, "PostgreSQL answers")
    results = {"tables": way.wait(bench("-i", "-q"))[0]}
    backends = lambda: (ask("select pid from pg_stat_activity where application_name = 'pgbench'") or "").split()
    for name in ("SIGKILL", "SIGTERM", "SIGSEGV"):
        load = bench("-n", "-c", "4", "-T", "600")
        way.until(lambda: len(backends()) == 4, "backends")
        for pid in backends():
            with contextlib.suppress(ProcessLookupError):  # a backend that crashes takes the others with it
                os.kill(int(pid), signal.Signals[name])
        results[f"pgbench after {name}"] = way.wait(load)[0]
        way.until(answers, f"PostgreSQL answers after {name}")
        results[f"balances agree after {name}"] = ask(BALANCES)
    server.send_signal(signal.SIGINT)
    results["exit status"] = way.wait(server)[0]
    return results

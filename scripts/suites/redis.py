"""redis under load, which forks to save: background saves, one of them killed, and a rewrite of its log."""

import os, re, signal

from suites.way import children

NEEDS = ["redis-server:redis-server", "redis-benchmark:redis-tools"]
QUICK = ["saves"]


def parts():
    return QUICK


def run(way, part, program="redis-server"):
    socket = way.folder / "socket"
    client = lambda *words: way.ask(["redis-cli", "-s", socket, *words])
    info = lambda field: re.search(rf"^{field}:(\S*)", client("info") or "", re.M).group(1)
    server = way.start([program, "--port", "0", "--unixsocket", socket, "--save", "", "--dir", way.folder,
                        "--enable-debug-command", "yes"])
    way.until(lambda: client("ping") == "PONG", "redis answers")
    load = way.start(["redis-benchmark", "-s", socket, "-q", "-n", "150000", "-P", "16", "-r", "100000", "-t",
                      "set,lpush,hset"], prefixed=False)
    results = {}
    for at in range(5):
        client("bgsave")
        way.until(lambda: info("rdb_bgsave_in_progress") == "0", "the end of a background save")
        results[f"background save {at + 1}"] = info("rdb_last_bgsave_status")
    client("bgrewriteaof")
    way.until(lambda: info("aof_rewrite_in_progress") == "0", "the end of a rewrite")
    results["rewrite of the log"] = info("aof_last_bgrewrite_status")
    results["load"] = way.wait(load)[0]
    client("config", "set", "rdb-key-save-delay", "1000")  # microseconds: it cannot end before we kill it
    client("bgsave")
    way.until(lambda: children(info("process_id")), "the process that saves")
    os.kill(children(info("process_id")).pop(), signal.SIGKILL)
    way.until(lambda: info("rdb_bgsave_in_progress") == "0", "the end of a killed save")
    results["killed save"] = info("rdb_last_bgsave_status")
    client("config", "set", "rdb-key-save-delay", "0")
    before = client("debug", "digest")
    results["reload"] = client("debug", "reload")
    results["data after a reload"] = "the same" if client("debug", "digest") == before else "other"
    server.send_signal(signal.SIGTERM)
    results["exit status"] = way.wait(server)[0]
    return results

"""redis with the jemalloc that it brings, inside, from Debian's source: the load and the saves of the suite `redis`.

It is built once, in the cache. Debian's own has the jemalloc of a library.
"""

import os, platform, subprocess
from pathlib import Path

from common import own_mirror
from pprof import Profile
from suites import redis

NEEDS = [*redis.NEEDS, "gcc:gcc", "make:make"]
QUICK = []
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "heaptrace/conformance/redis"
SERVER = CACHE / "redis-server"
# What serves the commands of the load makes more than this many bytes: all of it by jemalloc's own names.
LEAST = 20 << 20


def parts():
    return redis.parts()


def prepare():
    """Fetches the source and builds the server, if it is not there."""
    if SERVER.exists():
        return
    (CACHE / "lists/partial").mkdir(parents=True, exist_ok=True)
    codename = platform.freedesktop_os_release()["VERSION_CODENAME"]
    (CACHE / "sources.list").write_text(f"deb-src {own_mirror()[0]} {codename} main\n")
    # Sources of our own, whatever else this machine has packages from.
    options = {"Dir::Etc::SourceList": CACHE / "sources.list", "Dir::Etc::SourceParts": "-",
               "Dir::State::Lists": CACHE / "lists", "APT::Sandbox::User": "root"}
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in options.items())]
    step = lambda *command: subprocess.run(command, cwd=CACHE, stdout=subprocess.DEVNULL, check=True)
    step(*apt, "update")
    step(*apt, "source", "--download-only", "redis")
    archive = max(CACHE.glob("redis_*.orig.tar.*"))
    step("tar", "-xf", archive)
    source = CACHE / archive.name.partition(".orig")[0].replace("_", "-")
    step("make", "-C", source, f"-j{os.cpu_count()}", "MALLOC=jemalloc", "USE_SYSTEMD=no", "redis-server")
    (source / "src/redis-server").rename(SERVER)


def run(way, part):
    return redis.run(way, part, SERVER)


def faults(folder):
    """What is wrong with the profiles in a folder: that jemalloc was not seen from inside."""
    seen = max(Profile(path).under("call", "alloc_space") for path in folder.glob("redis-server.*.prof"))
    return [] if seen > LEAST else [f"{seen} bytes in commands"]

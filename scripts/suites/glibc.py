"""glibc's own tests of malloc and of threads, on the C library they are built with, from Debian's source.

It is built once, in the cache; that takes about 2 GB, and two cores 15 minutes.
"""

import glob, os, subprocess
from pathlib import Path

NEEDS = ["/usr/src/glibc/glibc-*.tar.xz:glibc-source", "gcc:gcc", "g++:g++", "make:make", "bison:bison", "gawk:gawk",
         "python3:python3", "xz:xz-utils"]
QUICK = []
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "heaptrace/conformance"


def parts():
    return ["malloc", "nptl"]


def prepare():
    """Builds the C library and its tests, if they are not there."""
    if (folder() / "tests-are-built").exists():
        return
    folder().mkdir(parents=True, exist_ok=True)
    step = lambda *command: subprocess.run(command, cwd=folder(), stdout=subprocess.DEVNULL, check=True)
    jobs = f"-j{os.cpu_count()}"
    step("tar", "-xf", archive(), "-C", CACHE)
    # The tests then name this C library by themselves, not in arguments of its dynamic linker.
    step("../configure", "--prefix=/usr", "--disable-werror", "--enable-hardcoded-path-in-tests")
    step("make", jobs)
    for part in parts():  # one after the other: they make the same folder
        step("make", jobs, "run-built-tests=no", f"{part}/tests")
    (folder() / "tests-are-built").touch()


def run(way, part):
    tests = folder() / part
    for old in [*tests.glob("*.out"), *tests.glob("*.test-result")]:
        old.unlink()  # make runs what has no result
    way.run(["make", "-k", "-C", folder(), f"{part}/tests", f"test-wrapper={' '.join(way.prefix)}"], prefixed=False)
    first_lines = [path.read_text().partition("\n")[0] for path in tests.glob("*.test-result")]
    return {test: outcome for outcome, test in (line.split(": ") for line in first_lines)}


def archive():
    return max(glob.glob("/usr/src/glibc/glibc-*.tar.xz"))


def folder():
    """Where it is built."""
    return CACHE / Path(archive()).name.removesuffix(".tar.xz") / "build"

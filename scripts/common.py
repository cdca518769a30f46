"""What scripts/bench, what belongs to it, scripts/conformance and scripts/matrix share."""

import ctypes, os, subprocess, time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def need(*pairs):
    """Installs what is missing, as scripts/needs says."""
    subprocess.run(["bash", "-ec", '. scripts/needs; need "$@"', "need", *pairs], cwd=ROOT, check=True)


def own_mirror():
    """Where this machine has Debian from: one place, or none."""
    places = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian"], capture_output=True, text=True)
    return [place for place in places.stdout.split() if place.rstrip("/").endswith("/debian")][:1]


def build(profile="release"):
    """Builds heaptrace: its path."""
    subprocess.run(["cargo", "build", "--quiet", "--profile", profile], cwd=ROOT, check=True)
    return ROOT / "target" / profile.replace("dev", "debug") / "heaptrace"


def preload(heaptrace, pattern, **variables):
    """The environment in which a program starts its own collector."""
    path = subprocess.run([heaptrace, "lib", "--path"], capture_output=True, text=True, check=True).stdout.strip()
    return {"LD_PRELOAD": path, "HEAPTRACE_COLLECTOR": str(heaptrace), "HEAPTRACE_OUT": str(pattern)} | variables


def adopt_orphans():
    """Makes the descendants that lose their parent children of ours."""
    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def cpu_to_the_end(process):
    """CPU seconds of a child, and of what it left behind, once all have ended: see `adopt_orphans`."""
    own = theirs = 0
    while True:
        try:
            pid, _, usage = os.wait4(-1, 0)
        except ChildProcessError:
            return own, theirs
        cpu = usage.ru_utime + usage.ru_stime
        own, theirs = (own + cpu, theirs) if pid == process.pid else (own, theirs + cpu)


def children(pid):
    """The children of a process, with the session that each is in."""
    session = lambda child: Path(f"/proc/{child}/stat").read_text().rpartition(") ")[2].split()[3]
    return {int(child): int(session(child)) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def program_and_collector(run):
    """The two children of a `heaptrace run`, once there are both: the collector is in a session of its own."""
    while True:
        of_run = children(run)
        collectors = [child for child, session in of_run.items() if child == session]
        if len(of_run) == 2 and collectors:
            return next(child for child in of_run if child not in collectors), collectors[0]
        time.sleep(0.001)

"""What scripts/bench and scripts/conformance share."""

import ctypes, subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def need(*pairs):
    """Installs what is missing, as scripts/needs says."""
    subprocess.run(["bash", "-ec", '. scripts/needs; need "$@"', "need", *pairs], cwd=ROOT, check=True)


def build(profile="release"):
    """Builds heaptrace: its path."""
    subprocess.run(["cargo", "build", "--quiet", "--profile", profile], cwd=ROOT, check=True)
    return ROOT / "target" / profile.replace("dev", "debug") / "heaptrace"


def preload(heaptrace, pattern):
    """The environment in which a program starts its own collector."""
    path = subprocess.run([heaptrace, "lib", "--path"], capture_output=True, text=True, check=True).stdout.strip()
    return {"LD_PRELOAD": path, "HEAPTRACE_COLLECTOR": str(heaptrace), "HEAPTRACE_OUT": str(pattern)}


def adopt_orphans():
    """Makes the descendants that lose their parent children of ours."""
    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

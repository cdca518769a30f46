"""CPython's own tests, with each object from malloc."""

import re, subprocess
from xml.etree import ElementTree

PYTHON = "/usr/bin/python3"
VERSION = re.search(r"3\.\d+", subprocess.run([PYTHON, "--version"], capture_output=True, text=True).stdout).group()
NEEDS = [f"/usr/lib/python{VERSION}/test/test_list.py:libpython{VERSION}-testsuite"]
QUICK = ["test_array", "test_ctypes", "test_decimal", "test_fork1", "test_mmap", "test_posix", "test_pty", "test_sys", "test_thread"]


def parts():
    listed = subprocess.run([PYTHON, "-m", "test", "--list-tests"], capture_output=True, text=True, check=True)
    return listed.stdout.split()


def run(way, part):
    report = way.folder / "report.xml"
    status, _ = way.run([PYTHON, "-m", "test", "--junit-xml", report, part], PYTHONMALLOC="malloc")
    results = {"exit status": status}
    for case in ElementTree.parse(report).iter("testcase") if report.exists() else ():
        kinds = [child.tag for child in case if child.tag in ("skipped", "failure", "error")]
        results[case.get("name")] = " ".join(kinds) or "ok"
    return results

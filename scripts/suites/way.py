"""Ways to run the programs of a suite: bare, or profiled."""

import os, signal, socket, subprocess, tempfile, time
from pathlib import Path


class Hang(Exception):
    """What did not happen in time."""


class Way:
    """Runs programs with `prefix` in front, in a folder of its own, and gives up after so many seconds in all."""

    def __init__(self, prefix, folder, seconds):
        self.prefix, self.folder, self.seconds = [str(word) for word in prefix], Path(folder), seconds
        self.deadline = time.monotonic() + seconds

    def start(self, command, user=None, prefixed=True, **variables):
        """Starts a program, as that user if we are root; its output is a file, `process.output`."""
        drop = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user and os.getuid() == 0 else []
        output = tempfile.TemporaryFile()
        # A session of its own: a signal to its process group is not for us.
        process = subprocess.Popen([*(self.prefix if prefixed else []), *drop, *map(str, command)], cwd=self.folder,
                                   stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                   env=os.environ | {"TMPDIR": str(self.folder)} | variables, start_new_session=True)
        process.output = output
        return process

    def wait(self, process):
        """(its exit status as a shell has it, what it printed)"""
        try:
            status = process.wait(max(0, self.deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise Hang(f"no end of {' '.join(process.args)} in {self.seconds:.0f} s") from None
        process.output.seek(0)
        return status if status >= 0 else 128 - status, process.output.read().decode(errors="replace")

    def run(self, command, **options):
        return self.wait(self.start(command, **options))

    def ask(self, command, **options):
        """What a client, which is never profiled, prints; None if it fails."""
        status, output = self.run(command, prefixed=False, **options)
        return output.strip() if status == 0 else None

    def until(self, condition, what):
        """Waits for something that is no end of a process."""
        while not condition():
            if time.monotonic() > self.deadline:
                raise Hang(f"{what}: not in {self.seconds:.0f} s")
            time.sleep(0.05)

    def end(self, patience):
        """Ends what is left of the programs (see `adopt_orphans`): the names of what did not end by itself."""
        quiet, names = time.monotonic() + patience, set()
        while True:
            try:
                ended, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return sorted(names)
            if not ended and time.monotonic() > quiet:
                for pid in children(os.getpid()):
                    names.add(Path(f"/proc/{pid}/comm").read_text().strip())
                    os.kill(pid, signal.SIGKILL)
            if not ended:
                time.sleep(0.05)


def children(pid):
    """The processes that its first thread started."""
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def free_port():
    """A TCP port of the loopback interface that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]

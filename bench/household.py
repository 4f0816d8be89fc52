"""Fake servers that are told what to do, and a PeekFS that mounts them: what the soak and the trials are made of."""
import contextlib
import os
import pathlib
import re
import signal
import subprocess

from .work import Failure, end, is_mounted, run, wait_until


class Server:
    """A fake server that is told what to do over its standard input, and may die and come back at the same address."""

    def __init__(self, program, place, name, *options):
        self.program, self.name, self.options = program, name, options
        self.log, self.journal = place / f"{name}.log", place / f"{name}.requests"
        self.child, self.port, self.edits = None, 0, {}

    def start(self):
        words = [self.program, "--name", self.name, "--port", self.port, "--control", "--log", self.journal, *self.options]
        words += [word for edit in self.edits.values() for word in ("--file", edit)]
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(
                [str(word) for word in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                start_new_session=True)
        self.url = self.child.stdout.readline().removeprefix("listening on ").strip()
        if not self.url:
            raise Failure(f"{self.name} did not start (see {self.log})")
        self.port = self.url.rsplit(":", 1)[1]

    def stop(self):
        if self.child:
            with contextlib.suppress(ProcessLookupError):
                self.child.send_signal(signal.SIGCONT)
            end(self.child)
            for file in (self.child.stdin, self.child.stdout):
                file.close()
            self.child = None

    def kill(self):
        self.child.kill()
        self.stop()

    def __call__(self, line):
        """The lines of the answer, without the last, and what the last says."""
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        lines = []
        while not (answer := self.child.stdout.readline().strip()).startswith(("ok", "no")):
            if not answer:
                raise Failure(f"{self.name} ended (see {self.log})")
            lines.append(answer)
        if answer.startswith("no"):
            raise Failure(f"{self.name}, {line}: {answer}")
        return lines, answer.removeprefix("ok").strip()

    def connections(self):
        """How many are open to it."""
        port = f":{int(self.port):04X}"
        rows = [line.split() for line in open("/proc/net/tcp").readlines()[1:]]
        return sum(row[1].endswith(port) and row[3] == "01" for row in rows)


class Household:
    """Servers, and a daemon with a library of its own."""

    def __init__(self, work, programs, *, blocks=None, limit=None):
        self.work, self.programs = work, programs.resolve()
        self.place, self.mnt = work.fresh("household"), work.fresh("mnt")
        self.daemon, self.mounts, self.servers = None, 0, []
        """With `blocks` the blocks of the cache are there; with `limit` the daemon may have so many files open."""
        self.limit = limit
        self.cache = self.place / "cache"
        self.blocks = self.cache / "blocks"
        if blocks:
            self.cache.mkdir()
            blocks.mkdir()
            self.blocks.symlink_to(blocks)
        self.state = self.place / "state"
        self.environment = {
            **os.environ, "PEEKFS_STATE_DIR": str(self.state), "PEEKFS_CACHE_DIR": str(self.cache)}
        # The control socket is in the state directory then.
        self.environment.pop("XDG_RUNTIME_DIR", None)
        work.callback(self.unmount)

    def server(self, name, *options):
        server = Server(self.programs / "fake-stash", self.place, name, *options)
        self.servers.append(server)
        self.work.callback(server.stop)
        server.start()
        return server

    def peekfs(self, *words):
        return run(self.programs / "peekfs", *words, env=self.environment)

    @property
    def log(self):
        return self.place / f"daemon-{self.mounts}.log"

    def mount(self, *options, is_quiet=False):
        """Mounts; with `is_quiet` the pass over each server that every start makes is over."""
        self.mounts += 1
        words = [str(self.programs / "peekfs"), "mount", str(self.mnt), "--log-level", "info", *map(str, options)]
        if self.limit:
            words = ["prlimit", f"--nofile={self.limit}:{self.limit}", *words]
        with open(self.log, "ab") as file:
            self.daemon = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=self.environment, start_new_session=True)
        wait_until(lambda: is_mounted(self.mnt), f"mounting (see {self.log})", child=self.daemon)
        if is_quiet:
            names = [server.name for server in self.servers]
            wait_until(
                lambda: all(f"synced {name}" in self.log.read_text() for name in names),
                f"the first pass (see {self.log})", 300, self.daemon)

    def unmount(self):
        if self.daemon:
            end(self.daemon)
        if is_mounted(self.mnt):
            subprocess.run(["fusermount3", "-uz", str(self.mnt)], timeout=20)

    def kill(self):
        self.daemon.kill()
        self.daemon.wait()
        self.peekfs("unmount", self.mnt)

    def scenes(self, below="scenes"):
        directory = self.mnt / below
        return [directory / name for name in sorted(os.listdir(directory)) if not name.endswith((".vtt", ".funscript"))]

    # What the daemon takes

    def memory(self):
        """Bytes that are resident and its own, now: proc_pid_status(5)."""
        text = pathlib.Path(f"/proc/{self.daemon.pid}/status").read_text()
        return int(re.search(r"RssAnon:\s+(\d+) kB", text)[1]) << 10

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.daemon.pid}/fd"))

    def metric(self, name):
        """The value of a gauge without labels."""
        text = run("curl", "-sf", "--unix-socket", self.state / "control.sock", "http://localhost/metrics")
        return float(re.search(rf"^{name} (\S+)", text, re.MULTILINE)[1])

    def threads(self):
        return len(os.listdir(f"/proc/{self.daemon.pid}/task"))

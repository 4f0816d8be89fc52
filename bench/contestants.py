"""The programs that are held against each other. Each mounts itself on an empty directory, cold, and gives the path of the
one file that an origin has."""
import contextlib
import os
import shutil
import subprocess

from .work import Failure, end, mounted, probe, run, say, wait_until


class Library:
    """A PeekFS with one server, driven by its command line."""

    def __init__(self, work, program, origin, log_level="notice"):
        self.work, self.program, self.origin = work, program, origin
        self.place = work.fresh("peekfs")
        self.environment = {
            "PEEKFS_STATE_DIR": str(self.place / "state"), "PEEKFS_CACHE_DIR": str(self.place / "cache")}
        self("instance", "add", "bench", origin.url)
        self("sync")

    def __call__(self, *words):
        return run(self.program, *words, env={**os.environ, **self.environment}, seconds=3600)

    def forget_media(self):
        shutil.rmtree(self.place / "cache" / "blocks", ignore_errors=True)

    @contextlib.contextmanager
    def mounted(self, *options, keeps_media=False, is_quiet=True):
        """Yields (directory, process). The pass over the server that every start makes is over, unless nobody minds."""
        if not keeps_media:
            self.forget_media()
        place, log = self.work.fresh("mnt"), self.place / "log"
        log.unlink(missing_ok=True)
        words = [self.program, "mount", place, "--log-level", "info", *options]
        with mounted(words, place, log, self.environment) as child:
            if is_quiet:
                wait_until(lambda: "synced bench" in log.read_text(), f"the first pass (see {log})", 600, child)
            yield place, child
            end(child)

    def scenes(self, place):
        """Paths of the scenes, in the order of a listing."""
        names = [name for name in sorted(os.listdir(place / "scenes")) if not name.endswith((".vtt", ".funscript"))]
        return [place / "scenes" / name for name in names]

    @contextlib.contextmanager
    def file(self, *options):
        with self.mounted(*options) as (place, _):
            yield self.scenes(place)[0]


class Peer:
    """Another program that mounts a directory of plain files over HTTP."""

    def __init__(self, work, name, words, environment=None):
        self.work, self.name, self.words, self.environment = work, name, words, environment or {}

    @contextlib.contextmanager
    def mounted(self, origin):
        place, cache = self.work.fresh("mnt"), self.work.fresh("cache")
        names = {"URL": origin.files, "MNT": str(place), "CACHE": str(cache)}
        words = [names.get(word, word) for word in self.words]
        environment = {"XDG_CACHE_HOME": str(cache), **self.environment}
        with mounted(words, place, cache / "log", environment) as child:
            yield place, child

    @contextlib.contextmanager
    def file(self, origin):
        with self.mounted(origin) as (place, _):
            yield place / "1.mp4"


def rclone(work, program, name, *options, command="mount"):
    return Peer(
        work, name,
        [str(program), command, ":http:", "MNT", "--http-url", "URL", "--config", "/dev/null", "--cache-dir", "CACHE",
         "--read-only", *options])


# What was fastest of the forms tried: requests of 1 MiB, no second buffer, by the other of its two FUSE libraries.
RCLONE_BEST = ["--max-read-ahead", "1M", "--buffer-size", "0", "--vfs-read-chunk-size", "1G"]


def peers(work, tools):
    """Those of the peers that could be had."""
    found = []
    if program := tools.get("rclone"):
        found.append(rclone(work, program, "rclone"))
        found.append(rclone(work, program, "rclone, best", *RCLONE_BEST, command="mount2"))
    if program := tools.get("httpdirfs"):
        found.append(Peer(work, "httpdirfs", [program, "-f", "--no-range-check", "URL", "MNT"]))
    return found


@contextlib.contextmanager
def passthrough(work, program, directory):
    """libfuse's own passthrough_hp over a directory."""
    place = work.fresh("mnt")
    with mounted([program, "--foreground", directory, place], place, work.directory / "passthrough.log"):
        yield place


@contextlib.contextmanager
def memfs(work, program, count):
    place = work.fresh("mnt")
    with mounted([program, count, place], place, work.directory / "memfs.log"):
        yield place


def curl(url):
    """Seconds that curl takes to fetch and discard it."""
    return float(run("curl", "-sf", "-o", "/dev/null", "-w", "%{time_total}", url))


def drop_page_cache():
    """Makes the kernel forget cached pages of all files."""
    os.sync()
    try:
        with open("/proc/sys/vm/drop_caches", "w") as file:
            file.write("3\n")
    except OSError as error:
        raise Failure(f"the page cache cannot be dropped: {error.strerror}") from error


def drop_pages(path):
    """Makes the kernel forget cached pages of one file, on the mount only."""
    subprocess.run(["dd", f"if={path}", "iflag=nocache", "count=0"], check=True, stderr=subprocess.DEVNULL, timeout=60)

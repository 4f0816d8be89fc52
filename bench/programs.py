"""Real programs on a mount of PeekFS, held against the same bytes from the server itself. Fails when any of them does.

Checks: sums copies full fio seeks pair ended frozen other
"""
import argparse
import contextlib
import hashlib
import json
import os
import pathlib
import random
import shlex
import signal
import subprocess
import sys
import time
import traceback

from .contestants import Library, drop_pages
from .origin import ONLY_SCENES, fake_stash
from .players import Player
from .reading import clip, sized
from .work import Failure, Work, run, say, wait_until

MEBIBYTE = 1 << 20


def served(stage, *options):
    return fake_stash(stage.work, stage.fake_stash, *options)


def sums(stage):
    """sha256sum of 2 GiB"""
    size = 2048 * MEBIBYTE
    with served(stage, *sized(size)) as origin, Library(stage.work, stage.peekfs, origin).file() as path:
        own = run("sha256sum", path).split()[0]
        command = f"curl -sf {shlex.quote(origin.scene)} | sha256sum"
        same = run("bash", "-o", "pipefail", "-c", command).split()[0]
    if own != same:
        raise Failure(f"{own} on the mount, {same} from the server")
    return own


def copies(stage):
    """cp of a directory by sixteen at once, each file compared with the server's"""
    options = ["--scenes", 60, "--images", 60, "--no-transcodes", "--overlap", 0]
    with served(stage, *options) as origin:
        with Library(stage.work, stage.peekfs, origin).mounted() as (place, _):
            target = stage.work.fresh("copy")
            found = [path for kind in ("scenes", "images") for path in sorted((place / kind).iterdir())]
            names = "".join(f"{path}\0" for path in found)
            subprocess.run(["xargs", "-0", "-P16", "-I", "{}", "cp", "{}", target], input=names.encode(), check=True, timeout=300)
            compared = 0
            for path in found:
                if path.suffix in (".vtt", ".funscript"):
                    continue
                _, kind, number = os.getxattr(path, "user.peekfs.id").decode().split(":")
                url = f"{origin.url}/{kind}/{number}/{'stream' if kind == 'scene' else 'image'}"
                fetched = subprocess.run(["curl", "-sf", url], capture_output=True, check=True, timeout=60).stdout
                if fetched != (target / path.name).read_bytes():
                    raise Failure(f"{path.name} is not what {url} gives")
                compared += 1
    return f"{compared} files of {len(found)}, the others are subtitles"


@contextlib.contextmanager
def small_disk(place, size):
    """A file system in memory, mounted on a directory that is made for it."""
    place.mkdir(parents=True, exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"size={size}", "peekfs-programs", place)
    try:
        yield
    finally:
        run("umount", "-l", place)


def full(stage):
    """reading beside a disk cache that is full, then read-only, then deleted"""
    size = 64 * MEBIBYTE
    with served(stage, *sized(size)) as origin:
        library = Library(stage.work, stage.peekfs, origin)
        blocks = library.place / "cache" / "blocks"
        wanted = hashlib.sha256(subprocess.run(["curl", "-sf", origin.scene], capture_output=True, check=True).stdout).digest()

        def read(*changes):
            with library.mounted(keeps_media=True) as (place, _):
                path = library.scenes(place)[0]
                for change in changes:
                    run(*change)
                    drop_pages(path)
                    if hashlib.sha256(path.read_bytes()).digest() != wanted:
                        raise Failure(f"wrong bytes after {change[0]}")
            return [line for line in (library.place / "log").read_text().splitlines() if "disk cache cannot" in line]

        with small_disk(blocks, size // 8):
            complaints = read(["true"], ["find", blocks, "-mindepth", "1", "-delete"])
            run("mount", "-o", "remount,ro", blocks)
            complaints += read(["true"])
    if not complaints:
        raise Failure("the log says nothing of a full disk")
    return f"{len(complaints)} lines in the log"


def fio(stage):
    """fio: a file that it wrote itself, with a checksum every 4 KiB, read back through the mount in every way"""
    place = stage.work.fresh("fio")
    shape = ["--size=256M", "--verify=crc32c", "--verify_interval=4k"]
    run("fio", "--name=make", f"--filename={place}/1.mp4", "--rw=write", "--bs=1M", "--do_verify=0",
        "--verify_state_save=0", *shape)
    ways = [
        ("read", "1M", "psync", 0), ("read", "128k", "mmap", 0), ("randread", "4k", "psync", 0), ("randread", "64k", "libaio", 1),
        ("randread", "16k", "mmap", 0)]
    with served(stage, *ONLY_SCENES, "--scenes", 1, "--media-file", place / "1.mp4") as origin:
        library = Library(stage.work, stage.peekfs, origin)
        for kind, piece, engine, direct in ways:
            with library.file() as path:
                run("fio", "--name=verify", f"--filename={path}", f"--rw={kind}", f"--bs={piece}", f"--ioengine={engine}",
                    f"--direct={direct}", "--numjobs=2", "--iodepth=4", "--readonly", "--verify_fatal=1", "--io_size=64M",
                    "--allow_file_create=0", *shape)
    return ", ".join(f"{kind} {piece} {engine}{' O_DIRECT' if direct else ''}" for kind, piece, engine, direct in ways)


def jump(player, length, count, seed):
    places = random.Random(seed)
    return max(player.seek(places.uniform(0, length - 5)) for _ in range(count))


@contextlib.contextmanager
def playing(stage, path):
    player = Player(stage.work, path)
    try:
        yield player
        if player.complaints:
            raise Failure(f"mpv: {player.complaints[-500:]}")
    finally:
        player.close()


def film(stage):
    if not stage.film:
        stage.film = clip(stage.work, 60_000_000)
    return stage.film


@contextlib.contextmanager
def one_film(stage):
    options = [*ONLY_SCENES, "--scenes", 1, "--media-file", film(stage), "--latency-ms", 20]
    with served(stage, *options) as origin, Library(stage.work, stage.peekfs, origin).file() as path:
        yield path


def seeks(stage):
    """mpv: a hundred jumps"""
    with one_film(stage) as path, playing(stage, path) as player:
        return f"the longest took {jump(player, player('get_property', 'duration'), 100, 1):.2f} s"


def pair(stage):
    """two mpv on one file, with fifty jumps each, at once"""
    with one_film(stage) as path, playing(stage, path) as first, playing(stage, path) as second:
        length = first("get_property", "duration")
        worst = 0
        places = random.Random(2)
        for _ in range(50):
            for player in (first, second):
                worst = max(worst, player.seek(places.uniform(0, length - 5)))
        return f"the longest took {worst:.2f} s"


@contextlib.contextmanager
def two_servers(stage, other_film):
    """Two servers that share scenes; yields the mounted path of one which both have, the first server, and what the second serves.
    Their files are equal when the film is the same."""
    shared = ["--scenes", 12, "--images", 0, "--no-transcodes"]
    with contextlib.ExitStack() as stack:
        attic = stack.enter_context(fake_stash(
            stage.work, stage.fake_stash, *shared, "--media-file", film(stage), name="attic"))
        cellar = stack.enter_context(fake_stash(
            stage.work, stage.fake_stash, *shared, "--seed", 2, "--media-file", other_film, name="cellar"))
        library = Library(stage.work, stage.peekfs, attic)
        library("instance", "add", "cellar", cellar.url)
        library("sync")
        place, _ = stack.enter_context(library.mounted())
        candidates = [
            path for path in library.scenes(place)
            if len(os.getxattr(path, "user.peekfs.sources").split()) == 2
            and os.getxattr(path, "user.peekfs.instance") == b"bench" and has_equal_files(path) == (other_film == film(stage))]
        if not candidates:
            raise Failure("the servers share no such scene")
        yield candidates[0], attic, other_film


def has_equal_files(path):
    """Whether what all servers have is the same file: then they are merged by it, whatever else they share."""
    members = json.loads(os.getxattr(path, "user.peekfs.json"))["members"]
    marks = {(member["said"]["files"][0]["size"], member["said"]["files"][0].get("oshash")) for member in members}
    return len(marks) == 1


def play_over(stage, path, fate):
    """Plays from the front; after a few seconds the server meets its fate. How long the film stood still at most."""
    with playing(stage, path) as player:
        player("set_property", "cache", "no")
        player("set_property", "speed", 8)
        length = player("get_property", "duration")
        # Beyond what the kernel, PeekFS and the player have read ahead.
        at, since, worst, has_happened = 0.0, time.monotonic(), 0.0, False
        while at < length - 10:
            now = player("get_property", "time-pos")
            if now is None:
                raise Failure(f"playing ended at second {at:.0f} of {length:.0f}: {player.complaints[-300:]}")
            if now > at:
                at, since = now, time.monotonic()
            worst = max(worst, time.monotonic() - since)
            if worst > 20:
                raise Failure(f"the film stands still at second {at:.0f}")
            if at > 5 and not has_happened:
                fate()
                has_happened = True
                worst = max(worst, player.seek(length / 2))
                at, since = length / 2, time.monotonic()
            time.sleep(0.05)
        return worst


def ended(stage):
    """mpv plays on when the server that it plays from is killed, and another one has the same file"""
    with two_servers(stage, film(stage)) as (path, attic, _):
        return f"waited {play_over(stage, path, attic.child.kill):.2f} s at most"


def frozen(stage):
    """the same when that server stops answering"""
    with two_servers(stage, film(stage)) as (path, attic, _):
        try:
            return f"waited {play_over(stage, path, lambda: attic.child.send_signal(signal.SIGSTOP)):.2f} s at most"
        finally:
            attic.child.send_signal(signal.SIGCONT)


def other(stage):
    """with another file of the same scene at the other server: an error while it is open, and the next open plays that one"""
    film(stage)
    with two_servers(stage, clip(stage.work, 30_000_000)) as (path, attic, second):
        with open(path, "rb", buffering=0) as file:
            file.read(4096)
            attic.child.kill()
            try:
                os.pread(file.fileno(), 65536, 40_000_000)
                raise Failure("bytes of a server that is gone")
            except OSError as error:
                number = error.errno
        wait_until(lambda: path.stat().st_size == second.stat().st_size, "the other server's file under the same name", 30)
        if hashlib.sha256(path.read_bytes()).digest() != hashlib.sha256(second.read_bytes()).digest():
            raise Failure("not the bytes of the other server")
        with playing(stage, path) as player:
            player.seek(player("get_property", "duration") / 2)
        return f"{os.strerror(number)}, then the other file"


CHECKS = {check.__name__: check for check in (sums, copies, full, fio, seeks, pair, ended, frozen, other)}


class Stage:
    def __init__(self, work, programs):
        self.work, self.film = work, None
        self.peekfs, self.fake_stash = str(programs / "peekfs"), str(programs / "fake-stash")


def main():
    parser = argparse.ArgumentParser(prog="scripts/programs", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(CHECKS), help="some of the checks")
    parser.add_argument("--programs", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    failed = 0
    with Work() as work:
        stage = Stage(work, options.programs.resolve())
        for name in options.only.split(","):
            if name not in CHECKS:
                parser.error(f"no such check: {name}; there are {', '.join(CHECKS)}")
            started = time.monotonic()
            try:
                answer = CHECKS[name](stage)
                print(f"{name}: pass: {CHECKS[name].__doc__} ({answer}; {time.monotonic() - started:.0f} s)", flush=True)
            except Exception as error:
                failed += 1
                print(f"{name}: FAIL: {error}", flush=True)
                if not isinstance(error, Failure):
                    traceback.print_exc()
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

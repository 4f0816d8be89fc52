"""Does to a mount what machines and people do to it at their worst, and looks at what comes out.

disks     the disk of the cache is full (a small tmpfs), read-only, and taken away while mounted
crowd     64 reads of a server stall, 500 files are opened, sought in and closed, while another server is read
files     3,000 small files are read by a daemon that may have 1,024 open

Fails when something is not as it has to be. The disks want root, for a tmpfs.
"""
import argparse
import concurrent.futures
import contextlib
import errno
import hashlib
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time

from .household import Household
from .work import Failure, Work, run, say, wait_until

MEBIBYTE = 1 << 20


def expect(condition, what):
    if not condition:
        raise Failure(what)


def errno_of(body):
    try:
        body()
        return None
    except OSError as error:
        return errno.errorcode[error.errno]


def drop_pages(path):
    descriptor = os.open(path, os.O_RDONLY)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def curl_sum(url):
    with subprocess.Popen(["curl", "-sf", url], stdout=subprocess.PIPE) as child:
        return hashlib.file_digest(child.stdout, "sha256").hexdigest()


# Disks

@contextlib.contextmanager
def tmpfs(work, size):
    place = work.fresh("tmpfs")
    if os.geteuid():
        raise Failure("mounting a tmpfs needs root")
    run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)])


def disks(work, options):
    for what in ("full", "read-only", "taken away"):
        with tmpfs(work, "48m") as disk, Work() as inner:
            home = Household(inner, options.programs, blocks=None if what == "taken away" else disk / "blocks")
            server = home.server("films", "--scenes", 12, "--images", 0, "--no-transcodes", "--smallest", 8_000_000, "--largest", 12_000_000)
            home.peekfs("instance", "add", "films", server.url)
            home.peekfs("sync")
            if what == "read-only":
                run("mount", "-o", "remount,ro", disk)
            # More than there is room for, and no floor to keep it from that.
            if what == "full":
                (disk / "ballast").write_bytes(bytes(40 * MEBIBYTE))
            home.mount("--cache-size", "10G", is_quiet=True)
            for turn in range(2):
                for scene in home.scenes():
                    number = os.getxattr(scene, "user.peekfs.id").decode().split(":")[2]
                    drop_pages(scene)
                    found = hashlib.sha256(scene.read_bytes()).hexdigest()
                    expect(found == curl_sum(f"{server.url}/scene/{number}/stream"), f"{what}: {scene} has other bytes")
                    if what == "taken away":
                        # What is not in memory is written again, each time.
                        if turn == 0:
                            wait_until(lambda: any(home.blocks.rglob("*")), "something is kept again", 10)
                        shutil.rmtree(home.blocks, ignore_errors=True)
            words = [line for line in home.log.read_text().splitlines() if "cache" in line or "disk" in line]
            expect(len(words) <= 4, f"{what}: {len(words)} lines about it in the log")
            say(f"the disk of the cache {what}: 24 files right; the log says: {words[0].split(' ', 1)[1] if words else 'nothing'}")


# Crowds

HOLD = """
import os, sys, threading, random
def wait(path, number):
    try: os.pread(os.open(path, os.O_RDONLY), 65536, 1_000_000 + number * 131072)
    except OSError: pass
paths = sys.stdin.read().split(chr(0))[:-1]
for number in range(64): threading.Thread(target=wait, args=(paths[number % len(paths)], number // len(paths)), daemon=True).start()
threading.Event().wait()
"""
TOUCH = """
import os, sys, random
print(flush=True)
paths, random = sys.stdin.read().split(chr(0))[:-1], random.Random(int(sys.argv[1]))
for number in range(10):
    descriptor = os.open(random.choice(paths), os.O_RDONLY)
    try: os.pread(descriptor, 4096, random.randrange(0, 2_000_000) if random.random() < .8 else 0)
    except OSError: pass
    os.close(descriptor)
"""


def crowd(work, options):
    home = Household(work, options.programs)
    sizes = ["--smallest", 16_000_000, "--largest", 16_000_000, "--images", 0, "--no-transcodes", "--overlap", 0]
    slow = home.server("slow", "--scenes", 40, *sizes)
    well = home.server("well", "--scenes", 24, "--seed", 2, *sizes)
    for server in home.servers:
        home.peekfs("instance", "add", server.name, server.url)
    home.peekfs("sync")
    home.mount("--cache-size", 0, is_quiet=True)
    fine = home.scenes("instances/well/scenes")
    sick = "".join(f"{path}\0" for path in home.scenes("instances/slow/scenes"))
    alone = [read_speed(path) for path in fine[:4]]
    slow("fault path=/scene/,action=stall,after=70000")

    def python(text, *words):
        child = subprocess.Popen(
            [sys.executable, "-c", text, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            start_new_session=True)
        work.callback(lambda: (child.kill(), child.wait()))
        return child

    def go(child):
        child.stdin.write(sick)
        child.stdin.close()

    go(holder := python(HOLD))
    wait_until(lambda: home.metric("peekfs_parked_reads") >= 40, "many reads wait", 15)
    # To start fifty programs takes both processors for seconds, which is not what is looked at here.
    touchers = [python(TOUCH, number) for number in range(50)]
    for child in touchers:
        child.stdout.readline()
    for child in touchers:
        go(child)
    # The daemon alone would do these in microseconds: what is in the kernel's cache is not asked for.
    waits, beside = [], []
    most = connections = 0
    stop = time.monotonic() + 12
    paths = home.scenes("instances/slow/scenes") + fine

    def read_on():
        for path in fine[4:]:
            beside.append(read_speed(path))
            time.sleep(0.4)

    reader = threading.Thread(target=read_on)
    reader.start()
    asked = len(queries(slow))
    home.daemon.send_signal(signal.SIGHUP)
    while time.monotonic() < stop:
        for path in paths:
            started = time.monotonic()
            os.stat(path)
            waits.append(time.monotonic() - started)
        most, connections = max(most, home.memory()), max(connections, slow.connections())
        time.sleep(0.02)
    reader.join()
    courteous = len(queries(slow)) - asked
    waits.sort()
    p99 = waits[len(waits) * 99 // 100]
    say(f"crowd: {len(waits)} stats, p99 {p99 * 1000:.2f} ms, longest {waits[-1] * 1000:.0f} ms; {most >> 20} MiB of memory at most; "
        f"{connections} connections to the slow server at most; {courteous} questions of a sync to it; the other server at "
        f"{statistics.median(beside):.0f} MB/s ({min(beside):.0f} at least), alone {statistics.median(alone):.0f} ({min(alone):.0f})")
    expect(most < 300 * MEBIBYTE, "more memory than it may have")
    expect(statistics.median(beside) > 0.4 * statistics.median(alone), "the other server is slowed down")
    # Six transfers, one or two questions of a sync, a probe, and what is just being closed.
    expect(connections <= 16, f"{connections} connections to one server")
    for child in touchers:
        child.kill()
    holder.kill()
    # What the kernel has read ahead for them belongs to nobody whom it could interrupt: it ends when a stall does, after 10 s.
    wait_until(lambda: home.metric("peekfs_parked_reads") == 0 and home.metric("peekfs_transfers") == 0, "all is given up", 20)
    wait_until(lambda: slow.connections() <= 2, "connections for reads that were given up are closed", 20)
    slow("clear")
    wait_until(lambda: errno_of(lambda: home.scenes("instances/slow/scenes")[0].read_bytes()) is None, "the slow server is back", 30)
    say("crowd: nothing is asked for any more once the readers are gone")


def queries(server):
    with open(server.journal, "rb") as file:
        return [line for line in file if b'"path":"/graphql"' in line]


def read_speed(path):
    drop_pages(path)
    started = time.monotonic()
    return len(path.read_bytes()) / (time.monotonic() - started) / 1e6


def files(work, options):
    home = Household(work, options.programs, limit=1024)
    server = home.server("pictures", "--images", 3000, "--scenes", 0, "--galleries", 0, "--performers", 0)
    home.peekfs("instance", "add", "pictures", server.url)
    home.peekfs("sync")
    home.mount(is_quiet=True)
    before, most, read = home.descriptors(), 0, 0
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        def look(path):
            return len(path.read_bytes())
        for size in pool.map(look, home.scenes("images")):
            read += 1
            if read % 50 == 0:
                most = max(most, home.descriptors())
    say(f"{read} small files: {most} descriptors at most, {before} at first")
    expect(most < 400, "descriptors are kept for files that nobody has open")


TRIALS = {"disks": disks, "crowd": crowd, "files": files}


def main():
    parser = argparse.ArgumentParser(
        prog="scripts/trials", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="only these, such as disks,crowd")
    parser.add_argument("--programs", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    wanted = options.only.split(",") if options.only else list(TRIALS)
    if unknown := set(wanted) - set(TRIALS):
        parser.error(f"no such trial: {', '.join(sorted(unknown))}; there are {', '.join(TRIALS)}")
    failed = []
    for name in wanted:
        with Work() as work:
            try:
                TRIALS[name](work, options)
            except Failure as failure:
                say(f"FAILURE: {name}: {failure}")
                failed.append(name)
    say(f"{len(wanted) - len(failed)} of {len(wanted)} trials went well" + (f"; not {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

"""Two large servers that one daemon reads at once, beside people who rate, look and list; how long everything takes, and how much
memory.

The first sync is cut off by SIGKILL when half of it is there, and gone on with after another mount. Fails when that reads pages again
that were stored, or when something that was there is not.
"""
import argparse
import json
import os
import pathlib
import re
import sys
import threading
import time

from .household import Household
from .metadata import discarding, memory_of, pages as questions
from .origin import Origin
from .work import Failure, Work, run, say, timed, wait_until

PATIENCE = 7200
SMALL = ["--smallest", 1_000_000, "--largest", 9_000_000]


class Bystander(threading.Thread):
    """Rates and looks at scenes as soon as there are some, until it is told to stop."""

    def __init__(self, mount):
        super().__init__(daemon=True)
        self.mount, self.is_over = mount, threading.Event()
        self.rated, self.looked, self.peak = [], [], 0

    def run(self):
        paths, place = [], 0
        while not self.is_over.wait(0.1):
            try:
                if not paths:
                    with os.scandir(self.mount / "scenes") as entries:
                        paths = [entry.path for entry, _ in zip(entries, range(500)) if entry.name.endswith(".mp4")]
                    continue
                path = paths[place % len(paths)]
                place += 1
                started = time.monotonic()
                os.stat(path)
                self.looked.append(time.monotonic() - started)
                started = time.monotonic()
                os.setxattr(path, "user.peekfs.rating", str(place % 100).encode())
                self.rated.append(time.monotonic() - started)
            except OSError:
                # The tree that they are in has not been made yet, or its daemon was killed.
                paths = []

    def stop(self):
        self.is_over.set()
        self.join()
        return f"`stat` {waits(self.looked)}, `setfattr` {waits(self.rated)}"


def waits(seconds):
    if not seconds:
        return "none"
    ordered = sorted(seconds)
    p99 = ordered[int(len(ordered) * 0.99) - 1]
    return f"{len(ordered)}, p99 {p99 * 1000:.1f} ms, longest {ordered[-1] * 1000:.0f} ms"


def pages(server):
    """How many questions for rows of scenes and images were answered."""
    if not server.journal.exists():
        return 0
    with open(server.journal) as file:
        asked = [json.loads(line) for line in file if line.endswith("\n")]
    return sum(bool(re.search(r"\b(Scene|Image)Page\b", one.get("query") or "")) for one in asked)


def seen(condition, what, child):
    """Waits for something that is costly to look at."""
    def look():
        time.sleep(2)
        return condition()
    wait_until(look, what, PATIENCE, child)


def synced(home):
    """Waits until every server was read and what follows from it is there."""
    def look():
        log = home.log.read_text()
        if failed := re.search(r"sync of .* failed.*", log):
            raise Failure(failed[0])
        return all(f"synced {server.name}" in log for server in home.servers)
    seen(look, f"the syncs (see {home.log})", home.daemon)


def rename(server, scene, title):
    question = {"query": "mutation ($input: SceneUpdateInput!) { sceneUpdate(input: $input) { id } }",
                "variables": {"input": {"id": scene, "title": title}}}
    run("curl", "-sf", "-H", "Content-Type: application/json", "-d", json.dumps(question), f"{server.url}/graphql")


def memory(home):
    found = memory_of(home.daemon.pid)
    return f"{found['VmRSS']:.0f} MiB resident, {found['VmHWM']:.0f} at most"


def scale(work, options):
    home = Household(work, options.programs)
    for seed, name in enumerate(["attic", "cellar"], 1):
        server = home.server(
            name, "--seed", seed, "--scenes", options.scenes, "--images", options.images, "--performers", 3000,
            "--studios", 300, "--tags", 1000, "--galleries", 1000, "--groups", 200, "--no-transcodes", *SMALL)
        home.peekfs("instance", "add", name, server.url)

    wanted = options.scenes / 500 + options.images / 1000
    home.mount()
    bystander = Bystander(home.mnt)
    bystander.start()
    started = time.monotonic()
    seen(lambda: all(pages(server) > wanted / 2 for server in home.servers), "half of the pages", home.daemon)
    say(f"half of the pages: {time.monotonic() - started:.1f} s; {memory(home)}")
    home.kill()
    before = {server.name: pages(server) for server in home.servers}
    say(f"beside it: {bystander.stop()}")

    home.mount()
    bystander = Bystander(home.mnt)
    bystander.start()
    started = time.monotonic()
    synced(home)
    say(f"the rest, after SIGKILL: {time.monotonic() - started:.1f} s; {memory(home)}")
    say(f"beside it: {bystander.stop()}")
    for server in home.servers:
        after = pages(server)
        say(f"{server.name}: {before[server.name]} pages before, {after - before[server.name]} after, {wanted:.0f} in all")
        if after > wanted * 1.05 + 8:
            raise Failure(f"{server.name} was asked for pages that were there")

    say(f"a sync of nothing new: {timed(lambda: home.peekfs('sync')):.1f} s; {memory(home)}")
    scenes = home.mnt / "instances" / "attic" / "scenes"
    with os.scandir(scenes) as entries:
        some = next(entry for entry in entries if entry.name.endswith(".mp4"))
    scene = os.getxattr(some.path, "user.peekfs.id").decode().split(":")[-1]
    attic = Origin(home.servers[0].url, home.servers[0].journal)
    # The first pass after one over everything reads again what was changed last.
    for title in ["Another title", "Yet another one"]:
        before = len(questions(attic))
        rename(home.servers[0], scene, title)
        seconds = timed(lambda: home.peekfs("sync", "attic"))
        alone = discarding(attic, questions(attic)[before:])
        say(f"a sync of one title: {seconds:.1f} s, its questions alone {alone:.1f} s; {memory(home)}")
        if not any(name.startswith(title) for name in os.listdir(scenes)):
            raise Failure("the new title is not there")
    home.unmount()
    say(f"mounted again: {timed(home.mount):.2f} s; {memory(home)}")
    seconds = timed(lambda: say(f"{sum(1 for _ in os.scandir(home.mnt / 'images')):,} images"))
    say(f"`ls -U` of them: {seconds:.1f} s; {memory(home)}")


def main():
    parser = argparse.ArgumentParser(
        prog="scripts/scale", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=100_000, help="of each server")
    parser.add_argument("--images", type=int, default=1_000_000, help="of each server")
    parser.add_argument("--programs", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    with Work() as work:
        try:
            scale(work, options)
        except Failure as failure:
            say(f"FAILURE: {failure}")
            return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

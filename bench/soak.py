"""Does to a mounted PeekFS and its servers what may happen to them, while a reader (Sources/soak) compares every byte.

There are three servers: two that share scenes and files and to which everything happens (one of them never lies about
sizes, though), and a third to which nothing does, so that its files may never fail unless the daemon is killed. Fails on a wrong byte, on an error that nothing
explains, on a daemon that ends by itself or grows, on something left over, and when in the end, with all well, a file is not right from beginning to end.
"""
import argparse
import contextlib
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

from .household import Household
from .work import Failure, Work, end, say, wait_until

# What a server does wrong, in the words of fake-stash, with {n} for some number of bytes.
FAULTS = [
    "delay,ms=700", "delay,ms=3000", "hang", "stall,after={n}", "reset,after={n}", "close,after={n}", "stray,after={n}",
    "slow,rate=30000", "wrong-range,shift=1", "wrong-range,shift={n}", "ignore-range", "no-content-range", "drop",
    "status,status=206,body=partly", "status,status=400", "status,status=401", "status,status=404", "status,status=416",
    "status,status=429", "status,status=500,body=oops", "status,status=503", "body,body=<html>hello</html>,type=text/html",
    "body,body=soon,type=video/mp4", "login-page", "redirect", "graphql-error",
]
LIES = ["wrong-total,total=1", "wrong-total,total={n}", "wrong-total,total=99999999"]


# A daemon that has nothing to do: every one of these is 0, however much went wrong before.
GAUGES = ["peekfs_open_files", "peekfs_parked_reads", "peekfs_transfers", "peekfs_cache_writes_queued", "peekfs_kernel_notices_queued"]
# Beyond the 128 MiB for blocks: the program itself, its databases' caches, and what malloc keeps.
MOST_MEMORY = 300 << 20
# Beyond those of a daemon that was just mounted: files of the cache whose blocks are in memory or that are idle, connections kept.
MORE_DESCRIPTORS = 64


class Soak(Household):
    def __init__(self, work, options):
        super().__init__(work, options.programs)
        self.random = random.Random(options.seed)
        self.kills, self.befallen, self.done = 0, 0, {}
        attic = ["--scenes", 12, "--images", 12, "--largest", 4_000_000]
        for name, *more in [
                ("attic", *attic), ("cellar", *attic, "--seed", 2, "--generation", "v22"),
                ("calm", "--overlap", 0, "--seed", 3, "--scenes", 4, "--images", 4, "--no-transcodes")]:
            server = self.server(name, *more)
            self.peekfs("instance", "add", name, server.url)
        kinds = {action.split(",")[0] for action in FAULTS + LIES}
        if kinds != (all_kinds := set(self.servers[0]("kinds")[1].split())):
            raise Failure(f"the faults are not all that there are: {kinds ^ all_kinds}")
        self.peekfs("sync")
        self.mount(is_quiet=True)
        self.fresh = self.descriptors()
        self.reader = subprocess.Popen(
            [str(self.programs / "soak"), str(self.mnt), str(options.threads), str(options.seed)], stdin=subprocess.PIPE,
            text=True, start_new_session=True)
        work.callback(lambda: end(self.reader))
        for server in self.servers:
            for line in server("manifest")[0]:
                self.tell(f"has {server.name} {line}")

    def tell(self, line):
        self.reader.stdin.write(line + "\n")
        self.reader.stdin.flush()

    def look(self):
        """Fails when somebody ended who should not have."""
        if self.daemon.poll() is not None:
            raise Failure(f"the daemon ended with {self.daemon.returncode}:\n{self.log.read_text()[-3000:]}")
        if self.reader.poll() is not None:
            raise Failure(f"the reader ended with {self.reader.returncode}")

    # What happens

    @contextlib.contextmanager
    def during(self, *what):
        for word in what:
            self.tell(f"begin {word}")
        try:
            yield
        finally:
            for word in what:
                self.tell(f"end {word}")

    def pause(self, *seconds):
        for _ in range(int(self.random.uniform(*seconds) * 5)):
            self.look()
            time.sleep(0.2)

    def misbehave(self, server, faults, *what):
        with self.during(*what):
            for _ in range(self.random.randint(1, 3)):
                action = self.random.choice(faults).format(n=self.random.choice([0, 1, 4096, 65_536, 300_000, 131_072]))
                path = self.random.choice(["/", "/scene/", "/scene/", "/image/", "/graphql"])
                times = self.random.choice(["", f",times={self.random.randint(1, 5)}"])
                server(f"fault path={path},action={action},skip={self.random.randint(0, 4)}{times}")
            self.pause(1, 8)
            self.befallen += int(server("clear")[1])

    def faults(self, server):
        self.misbehave(server, FAULTS, f"sick {server.name}")

    def lies(self, _):
        server = self.servers[1]
        self.misbehave(server, LIES, f"sick {server.name}", f"lies {server.name}")

    def freeze(self, server):
        with self.during(f"sick {server.name}"):
            server.child.send_signal(signal.SIGSTOP)
            self.pause(1, 20)
            server.child.send_signal(signal.SIGCONT)

    def death(self, server):
        with self.during(f"sick {server.name}"):
            server.kill()
            self.pause(0, 6)
            server.start()

    def replace(self, server):
        """Other bytes and another time; half of the time also another size."""
        for line in self.random.sample([line for line in server("manifest")[0] if line.startswith(("scene", "image"))], 3):
            kind, number, _, size = line.split()
            if self.random.random() < 0.5:
                size = self.random.randint(1, 4_000_000)
            line = f"{kind} {number} {self.random.getrandbits(64):016x} {size}"
            self.tell(f"has {server.name} {line}")
            server.edits[kind, number] = f"{line} {1_700_000_000 + len(server.edits) + int(time.monotonic())}"
            server(f"file {server.edits[kind, number]}")
        self.pause(0, 3)

    def disable(self, server):
        with self.during(f"gone {server.name}"):
            self.peekfs("instance", "disable", server.name)
            self.pause(0, 5)
            self.peekfs("instance", "enable", server.name)
            self.pause(2, 3)

    def clear(self, server):
        self.peekfs("cache", "clear", *self.random.choice([[], [server.name]]))

    def delete(self, _):
        shutil.rmtree(self.blocks, ignore_errors=True)

    def sync(self, _):
        self.daemon.send_signal(signal.SIGHUP)

    def death_of_daemon(self, _):
        with self.during("dead"):
            self.weigh("before it is killed")
            self.kill()
            self.kills += 1
            self.mount()

    def weigh(self, moment):
        """Fails when the daemon has grown beyond what it may have."""
        memory, descriptors = self.memory(), self.descriptors()
        say(f"the daemon {moment}: {memory >> 20} MiB, {descriptors} descriptors ({self.fresh} at first), {self.threads()} threads")
        if memory > MOST_MEMORY:
            raise Failure(f"the daemon has {memory >> 20} MiB of memory")
        return descriptors

    def rest(self):
        """Fails when something is left over where nobody reads any more."""
        for name in GAUGES:
            wait_until(lambda: self.metric(name) == 0, f"waiting for {name} to be 0", 30)
        descriptors = self.weigh("at last")
        if descriptors > self.fresh + MORE_DESCRIPTORS:
            raise Failure(f"the daemon has {descriptors} descriptors open; it began with {self.fresh}")

    def go_on(self, seconds):
        happenings = [
            self.faults, self.faults, self.faults, self.faults, self.lies, self.freeze, self.death, self.replace,
            self.disable, self.clear, self.delete, self.sync, self.death_of_daemon]
        stop = time.monotonic() + seconds
        while time.monotonic() < stop:
            # Each in its turn, in an order that is never the same.
            for happening in self.random.sample(happenings, len(happenings)):
                if time.monotonic() < stop:
                    happening(self.random.choice(self.servers[:2]))
                    self.done[happening.__name__] = self.done.get(happening.__name__, 0) + 1
                    self.pause(0, 3)
        self.tell("finish")
        code = self.reader.wait(600)
        if self.daemon.poll() is not None:
            self.look()
        self.rest()
        say(", ".join(f"{count} × {name}" for name, count in self.done.items()))
        say(f"{self.befallen} requests were answered wrongly")
        return code


def main():
    parser = argparse.ArgumentParser(
        prog="scripts/soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10, metavar="N", help="how long (10)")
    parser.add_argument("--threads", type=int, default=8, metavar="N", help="threads that read (8)")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000, metavar="N", help="what is done follows from it")
    parser.add_argument("--keep", metavar="DIRECTORY", help="copy everybody's log there")
    parser.add_argument("--programs", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    say(f"seed {options.seed}")
    if options.keep:
        pathlib.Path(options.keep).mkdir(parents=True, exist_ok=True)
    with Work() as work:
        soak = None
        try:
            soak = Soak(work, options)
            return soak.go_on(options.minutes * 60)
        except Failure as failure:
            say(f"FAILURE: {failure}")
            return 1
        finally:
            if soak and options.keep:
                for log in soak.place.glob("*.log"):
                    shutil.copy(log, options.keep)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

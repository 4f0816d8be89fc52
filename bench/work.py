"""A place to work in, and processes and mounts that are gone when the work ends, however it ends."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time


class Failure(Exception):
    """Something that a row needs is not to be had, or did not work; a sentence for people."""


class Work(contextlib.ExitStack):
    def __enter__(self):
        # Ending by a signal is ending by an exception: everything below is undone.
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda number, _: sys.exit(128 + number))
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="peekfs-bench-"))
        self.callback(self._remove)
        return super().__enter__()

    def _remove(self):
        if not any(line.split()[1].startswith(str(self.directory)) for line in open("/proc/self/mounts")):
            shutil.rmtree(self.directory, ignore_errors=True)

    def fresh(self, name):
        """An empty directory."""
        return pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.directory))


def timed(body):
    """Seconds that it takes."""
    started = time.monotonic()
    body()
    return time.monotonic() - started


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def wait_until(condition, what, seconds=60.0, child=None):
    end = time.monotonic() + seconds
    while not (answer := condition()):
        if child and child.poll() is not None:
            raise Failure(f"{what}: the program ended with {child.returncode}")
        if time.monotonic() > end:
            raise Failure(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.002)
    return answer


@contextlib.contextmanager
def running(words, log, environment=None):
    """A process in a session of its own (Ctrl-C goes to us alone), ended by SIGTERM, or harder when that does not help."""
    with open(log, "ab") as file:
        child = subprocess.Popen(
            [str(word) for word in words], stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True,
            env={**os.environ, **(environment or {})})
    try:
        yield child
    finally:
        end(child)


def end(child):
    for number in (signal.SIGTERM, signal.SIGKILL):
        if child.poll() is None:
            child.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(10)
            return


def is_mounted(place):
    return any(line.split()[1] == str(place) for line in open("/proc/self/mounts"))


@contextlib.contextmanager
def mounted(words, place, log, environment=None):
    """A process in the foreground that mounts on `place`; yields it when the kernel lists the mount."""
    with running(words, log, environment) as child:
        try:
            wait_until(lambda: is_mounted(place), f"mounting by {words[0]} (see {log})", child=child)
            yield child
        finally:
            for words in (["fusermount3", "-u", place], ["umount", "-l", place]):
                if is_mounted(place):
                    subprocess.run([str(word) for word in words], stderr=subprocess.DEVNULL, timeout=20)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(5)


PROBE = [sys.executable, str(pathlib.Path(__file__).with_name("probe.py"))]


def probe(*words, seconds=600):
    """What a probe prints; it is killed when it takes too long."""
    try:
        done = subprocess.run(
            PROBE + [str(word) for word in words], capture_output=True, timeout=seconds, start_new_session=True)
    except subprocess.TimeoutExpired as error:
        raise Failure(f"{words[0]}: not within {seconds} s") from error
    if done.returncode:
        raise Failure(f"{words[0]}: {done.stderr.decode(errors='replace').strip().splitlines()[-1]}")
    return json.loads(done.stdout)


def run(*words, seconds=600, **more):
    """A program that must succeed; its output."""
    words = [str(word) for word in words]
    done = subprocess.run(words, capture_output=True, timeout=seconds, stdin=subprocess.DEVNULL, **more)
    if done.returncode:
        raise Failure(f"{' '.join(words[:3])}: {done.stderr.decode(errors='replace').strip()[-300:]}")
    return done.stdout.decode(errors="replace")

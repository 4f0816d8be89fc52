"""mpv without a window or sound, driven over its socket."""
import contextlib
import json
import socket
import subprocess
import time

from .work import Failure, end, wait_until


class Player:
    """One mpv that plays a file."""

    def __init__(self, work, path):
        place = work.fresh("mpv")
        self.log, self.events, self.rest = place / "log", [], b""
        words = [
            "mpv", "--no-config", "--vo=null", "--ao=null", "--msg-level=all=error", "--keep-open=no",
            f"--log-file={place / 'messages'}", f"--input-ipc-server={place / 'socket'}", str(path)]
        with open(self.log, "wb") as log:
            self.child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.socket = socket.socket(socket.AF_UNIX)
        # The file is there before anybody listens.
        wait_until(lambda: self.socket.connect_ex(str(place / "socket")) == 0, "mpv's socket", child=self.child)
        self.await_event("playback-restart", 30)

    def _read(self, seconds):
        self.socket.settimeout(max(0.01, seconds))
        try:
            data = self.socket.recv(65536)
        except (TimeoutError, ConnectionError):
            return
        *lines, self.rest = (self.rest + data).split(b"\n")
        self.events += [json.loads(line) for line in lines]

    def await_event(self, name, seconds):
        until = time.monotonic() + seconds
        while True:
            for index, event in enumerate(self.events):
                if event.get("event") == name:
                    del self.events[:index + 1]
                    return event
            if time.monotonic() > until:
                raise Failure(f"mpv: no {name} within {seconds} s (see {self.log})")
            if self.child.poll() is not None and not self.events:
                raise Failure(f"mpv ended with {self.child.returncode}: {self.log.read_text()[-500:]}")
            self._read(0.2)

    def __call__(self, *words, seconds=30):
        """A command; what it answers, nil when mpv refuses it or is gone."""
        number = time.monotonic_ns() % 1_000_000_000
        try:
            self.socket.sendall(json.dumps({"command": list(words), "request_id": number}).encode() + b"\n")
        except OSError:
            return None
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for event in self.events:
                if event.get("request_id") == number:
                    self.events.remove(event)
                    return event.get("data") if event["error"] == "success" else None
            if self.child.poll() is not None:
                return None
            self._read(0.2)
        raise Failure(f"mpv does not answer {words}")

    def seek(self, place):
        """Jumps to a second, exactly; how long it took until the picture moved again."""
        self.events = [event for event in self.events if event.get("event") != "playback-restart"]
        started = time.monotonic()
        self("seek", place, "absolute+exact")
        self.await_event("playback-restart", 30)
        waited = time.monotonic() - started
        at = self("get_property", "time-pos")
        if at is None or abs(at - place) > 2:
            raise Failure(f"mpv: asked for second {place:.1f}, and it is at {at}")
        return waited

    @property
    def complaints(self):
        return self.log.read_text().strip()

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.close()
        end(self.child)

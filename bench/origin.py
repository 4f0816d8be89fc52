"""Where the bytes come from: fake-stash, which simulates a network, and nginx before it, which is as fast as a server is."""
import contextlib
import json
import pathlib
import re
import socket
import time

from .work import run, running, wait_until

# Nothing but scenes, each with a size that the API tells right, and shared with nobody.
ONLY_SCENES = [
    "--performers", 0, "--studios", 0, "--tags", 0, "--galleries", 0, "--groups", 0, "--images", 0, "--no-transcodes",
    "--overlap", 0, "--plain-files",
]


class Origin:
    """A server: `url` is what an instance is added with, `scene` a scene's media, `files` the same as plain files."""

    def __init__(self, url, journal, child=None):
        self.url, self.journal, self.child = url, journal, child
        self.scene, self.files = f"{url}/scene/1/stream", f"{url}/files/"

    def requests(self):
        """Every request whose answer is over."""
        if not self.journal.exists():
            return []
        with open(self.journal, "rb") as file:
            return [json.loads(line) for line in file if line.endswith(b"\n")]

    def settled(self, seconds=0.7):
        """Waits until no answer ended for a while; the requests so far. Reads that were given up end within that."""
        size, since = -1, time.monotonic()
        while time.monotonic() - since < seconds:
            now = self.journal.stat().st_size if self.journal.exists() else 0
            if now != size:
                size, since = now, time.monotonic()
            time.sleep(0.02)
        return self.requests()

    def media_bytes(self):
        return sum(request["bytes_sent"] for request in self.settled() if is_media(request))


def is_media(request):
    return request["path"].endswith("/stream") or request["path"].startswith("/files/") and request["path"] != "/files/"


@contextlib.contextmanager
def fake_stash(work, program, *options, name="bench"):
    """A fake server, as its options say."""
    place = work.fresh("origin")
    log, journal = place / "log", place / "requests"
    words = [program, "--name", name, "--log", journal, *options]
    with running(words, log) as child:
        found = wait_until(lambda: re.search(r"listening on (\S+)", log.read_text()), "fake-stash", child=child)
        yield Origin(found[1], journal, child)


NGINX = """
daemon off; master_process off; pid {place}/pid; error_log {place}/error;
events {{ worker_connections 512; }}
http {{
    access_log off; sendfile on; keepalive_requests 1000000; default_type video/mp4; client_body_buffer_size 1m;
    log_format bodies escape=json '{{"path":"$uri","body":"$request_body"}}';
    client_body_temp_path {place}/body; proxy_temp_path {place}/proxy;
    fastcgi_temp_path {place}/fastcgi; uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location = /scene/1/stream {{ alias {media}/1.mp4; }}
        location = /files {{ rewrite ^ /files/; }}
        location /files/ {{ alias {media}/; autoindex on; types {{ text/html html; }} }}
        location / {{ proxy_pass {behind}; proxy_http_version 1.1; proxy_set_header Connection ""; access_log {place}/bodies bodies; }}
    }}
}}
"""


@contextlib.contextmanager
def nginx(work, program, behind, media):
    """nginx before a fake server: it serves 1.mp4 of a directory itself, and passes on the rest."""
    place = work.fresh("nginx")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    configuration = place / "nginx.conf"
    configuration.write_text(NGINX.format(place=place, port=port, media=media, behind=behind.url))
    run("chmod", "-R", "a+rX", place)
    with running([program, "-c", configuration, "-p", place], place / "log") as child:
        wait_until(lambda: connects(port), f"nginx (see {place}/error)", child=child)
        origin = Origin(f"http://127.0.0.1:{port}", behind.journal, child)
        origin.bodies = place / "bodies"
        yield origin


def connects(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def copy(origin, media):
    """The bytes of scene 1 as a file on disk."""
    pathlib.Path(media).mkdir(parents=True, exist_ok=True)
    run("curl", "-sf", "-o", f"{media}/1.mp4", origin.scene)
    run("chmod", "-R", "a+rX", media)

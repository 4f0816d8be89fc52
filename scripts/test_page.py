"""The page in a browser, as a person uses it; run by scripts/test-page.

usage: test_page.py [--pictures DIRECTORY] [TEST…]
"""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import Select, WebDriverWait

BIN = Path(os.environ["PEEKFS_BIN"])
PATIENCE = 60
PICTURES = None
KEY = "a-key-that-must-stay-secret"


class Server:
    """A fake Stash."""

    def __init__(self, place, name, *options, key=None):
        self.log = place / f"{name}.log"
        words = [BIN / "fake-stash", "--name", name, *map(str, options)]
        if key:
            file = place / f"{name}.key"
            file.write_text(key)
            words += ["--api-key-file", file, "--requires-login"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT)
        self.url = until(lambda: next(iter(re.findall(r"^listening on (\S+)", self.log.read_text(), re.M)), None))

    def end(self):
        self.process.kill()
        self.process.wait()


class Daemon:
    """A mounted PeekFS that shows its page."""

    def __init__(self, place):
        self.place = place
        self.mount = place / "mnt"
        self.mount.mkdir()
        self.environment = {**os.environ, "PEEKFS_STATE_DIR": str(place / "state"), "PEEKFS_CACHE_DIR": str(place / "cache"),
                            "XDG_RUNTIME_DIR": str(place)}
        for name in ["STASH_URL", "STASH_API_KEY", "NOTIFY_SOCKET"]:
            self.environment.pop(name, None)
        self.log = place / "daemon.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [BIN / "peekfs", "mount", self.mount, "--listen", "127.0.0.1:0", "--log-level", "debug"],
                env=self.environment, stdout=subprocess.DEVNULL, stderr=log)
        self.page = until(lambda: self.run("page", check=False).strip())
        self.address, self.token = self.page.split("#token=")

    def run(self, *words, check=True, input=None):
        answer = subprocess.run([BIN / "peekfs", *words], env=self.environment, input=input, text=True, capture_output=True)
        assert not check or answer.returncode == 0, answer.stderr
        return answer.stdout

    def get(self, path):
        request = urllib.request.Request(self.address + path, headers={"Authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.read().decode()

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            subprocess.run([BIN / "peekfs", "unmount", self.mount], check=False)


def until(look, seconds=PATIENCE):
    """What `look` gives as soon as it is something."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.05)
    return found


def browser():
    options = webdriver.ChromeOptions()
    for word in ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--window-size=1100,900",
                 "--force-color-profile=srgb", "--hide-scrollbars"]:
        options.add_argument(word)
    options.binary_location = "/usr/bin/chromium"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))


class PageTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.browser = browser()
        cls.addClassCleanup(cls.browser.quit)

    def setUp(self):
        self.place = Path(tempfile.mkdtemp(prefix="peekfs-page-"))
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        self.daemon = Daemon(self.place)
        self.addCleanup(self.daemon.end)
        self.addCleanup(self.look_after)

    def look_after(self):
        """Nothing that the browser was told, or the daemon wrote, holds the key; and the page broke no rule of its own."""
        complaints = [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        # A refused request is told of by the browser, too.
        broken = [text for text in complaints if "Failed to load resource" not in text]
        self.assertEqual(broken, [])
        shown = self.browser.execute_script("return document.documentElement.outerHTML")
        for text in [shown, self.daemon.log.read_text(), *complaints]:
            self.assertNotIn(KEY, text)
            self.assertNotIn(self.daemon.token, text)
        self.browser.get("about:blank")

    def server(self, name, *options, key=None):
        server = Server(self.place, name, *options, key=key)
        self.addCleanup(server.end)
        return server

    # What a person does and sees.

    def open(self):
        self.browser.get("about:blank")
        self.browser.get(self.daemon.page)

    def find(self, selector):
        return WebDriverWait(self.browser, PATIENCE, 0.05).until(
            lambda browser: next((each for each in browser.find_elements(By.CSS_SELECTOR, selector) if each.is_displayed()), None),
            f"there is no {selector}")

    def waits(self, look, message):
        WebDriverWait(self.browser, PATIENCE, 0.05, ignored_exceptions=[Exception]).until(lambda _: look(), message)

    def press(self, label, inside="body"):
        def look():
            for each in self.browser.find_elements(By.CSS_SELECTOR, f"{inside} button"):
                if each.is_displayed() and each.is_enabled() and label in (each.text, each.get_attribute("aria-label")):
                    return each
        button = WebDriverWait(self.browser, PATIENCE, 0.05).until(lambda _: look(), f"there is no button {label}")
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", button)
        button.click()

    def press_at(self, selector):
        def click():
            element = self.find(selector)
            self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
            element.click()
            return True
        # What has just come may be shown anew between the look and the click.
        self.waits(click, f"{selector} cannot be pressed")

    def fill(self, selector, text):
        field = self.find(selector)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(Keys.DELETE)
        field.send_keys(text)

    def card(self, name):
        def look():
            for each in self.browser.find_elements(By.CSS_SELECTOR, ".server"):
                if each.find_element(By.TAG_NAME, "h3").text == name:
                    return each
        return WebDriverWait(self.browser, PATIENCE, 0.05, ignored_exceptions=[Exception]).until(lambda _: look(), f"there is no card of {name}")

    def names(self):
        return [each.text for each in self.browser.find_elements(By.CSS_SELECTOR, ".server h3")]

    def waits_for(self, name, text):
        self.waits(lambda: text in self.card(name).text, f"the card of {name} does not say {text}: {self.card(name).text}")

    def picture(self, name):
        """The whole page in light, dark, and on a phone."""
        if not PICTURES:
            return
        PICTURES.mkdir(parents=True, exist_ok=True)
        def emulate(scheme, width):
            self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
            self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500})
            time.sleep(0.3)
            height = max(900, self.browser.execute_script("return document.documentElement.scrollHeight"))
            self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})
            self.assertLessEqual(self.browser.execute_script("return document.documentElement.scrollWidth"), width, "it scrolls sideways")
        for scheme, width in [("light", 1100), ("dark", 1100), ("light", 390)]:
            emulate(scheme, width)
            self.browser.save_screenshot(str(PICTURES / f"{name}-{scheme}-{width}.png"))
        self.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

    def added(self, name, server, key=None):
        words = ["instance", "add", name, server.url] + (["--api-key-stdin"] if key else [])
        self.daemon.run(*words, input=key)

    # The tests.

    def test_first_start_is_a_wizard(self):
        """Without a server the page asks for the first one, tells a wrong key from a missing one, and then shows its library."""
        server = self.server("attic", key=KEY)
        self.open()
        self.find("#welcome")
        self.assertFalse(self.browser.find_element(By.ID, "servers").is_displayed())
        self.picture("wizard")
        self.press("Connect")
        self.waits(lambda: "write where it is" in self.find("#first-url-fault").text.lower(), "it does not ask for the address")
        self.fill("#first-url", server.url)
        self.press("Test")
        self.waits(lambda: "needs an API key" in self.find("#first-key-fault").text, "it does not ask for the key")
        self.fill("#first-key", "wrong-" + KEY[:4])
        self.fill("#first-name", "attic")
        self.press("Connect")
        self.waits(lambda: "does not accept this API key" in self.find("#first-key-fault").text, "a wrong key is not told of")
        self.picture("wizard-wrong-key")
        self.fill("#first-key", KEY)
        self.press("Test")
        self.waits(lambda: "24 scenes" in self.find("#welcome .found").text, "it does not say what it found")
        self.press("Connect")
        self.waits_for("attic", "24 scenes")
        self.waits_for("attic", "up")
        self.assertFalse(self.browser.find_element(By.ID, "welcome").is_displayed())
        self.assertIn("24 scenes", self.card("attic").text)
        until(lambda: (self.daemon.mount / "scenes").is_dir() and list((self.daemon.mount / "scenes").iterdir()))

    def test_add_edit_switch_order_and_remove(self):
        attic, cellar = self.server("attic", key=KEY), self.server("cellar", "--generation", "v22", "--seed", 2)
        self.added("attic", attic, KEY)
        self.open()
        self.waits_for("attic", "24 scenes")
        self.press("Add a server")
        self.fill("#add-url", "http://127.0.0.1:1")
        self.fill("#add-name", "cellar")
        self.press("Add", "#editor")
        self.waits(lambda: "refuses the connection" in self.find("#add-url-fault").text, "a refused connection is not told of")
        self.fill("#add-url", cellar.url)
        self.fill("#add-name", "attic")
        self.press("Add", "#editor")
        self.waits(lambda: self.find("#add-name-fault").text, "a name that is taken is not told of")
        self.picture("add")
        # What looks like HTML is text.
        self.fill("#add-name", "<i>cellar & co")
        self.press("Add", "#editor")
        self.waits_for("<i>cellar & co", "24 scenes")
        self.assertEqual(self.browser.find_elements(By.CSS_SELECTOR, "#cards i"), [])
        self.assertEqual(self.names(), ["attic", "<i>cellar & co"])

        self.press("Edit: <i>cellar & co")
        self.fill("#edit-name", "cellar")
        self.press("Save")
        self.waits_for("cellar", "24 scenes")
        self.assertIn("cellar", self.daemon.run("instance", "list"))

        self.press("Move up: cellar")
        self.waits(lambda: self.names() == ["cellar", "attic"], "it was not moved")
        self.waits(lambda: self.daemon.run("instance", "list").splitlines()[1].startswith("cellar"), "its priority is as before")

        handle = self.card("attic").find_element(By.CSS_SELECTOR, ".handle")
        ActionChains(self.browser).drag_and_drop(handle, self.card("cellar")).perform()
        self.waits(lambda: self.names() == ["attic", "cellar"], "it was not dragged")
        self.waits(lambda: self.daemon.run("instance", "list").splitlines()[1].startswith("attic"), "its priority is as before")

        switch = lambda: self.card("attic").find_element(By.CSS_SELECTOR, ".switch")
        switch().send_keys(Keys.SPACE)
        self.waits_for("attic", "switched off")
        self.waits(lambda: "disabled" in self.daemon.run("instance", "list"), "it was not switched off")
        switch().send_keys(Keys.SPACE)
        self.waits_for("attic", "up")

        self.press("Remove: cellar")
        self.find("#removal")
        self.assertIn("ratings", self.find("#removal-kept").text)
        self.picture("remove")
        self.press("Keep the server")
        self.assertEqual(self.names(), ["attic", "cellar"])
        self.press("Remove: cellar")
        self.press("Remove it")
        self.waits(lambda: self.names() == ["attic"], "it was not removed")
        self.assertNotIn("cellar", self.daemon.run("instance", "list"))

    def test_sync_shows_its_progress(self):
        slow = self.server("slow", "--latency-ms", 150, "--scenes", 1200)
        self.added("slow", slow)
        self.open()
        self.waits_for("slow", "1,200 scenes")
        self.waits(lambda: not self.card("slow").find_element(By.CSS_SELECTOR, ".progress").is_displayed(), "the first sync does not end")
        # A sync of what has changed is over at once.
        self.press("Sync: slow")
        self.waits(lambda: not self.card("slow").find_element(By.CSS_SELECTOR, ".progress").is_displayed(), "it does not end")
        whole = threading.Thread(target=self.daemon.run, args=("sync", "--full", "slow"))
        whole.start()
        self.addCleanup(whole.join)
        self.waits(lambda: re.search(r"Reading scenes\s+[\d,]+ of 1,200", self.card("slow").text), "no progress is shown")
        self.picture("sync")
        self.waits(lambda: not self.card("slow").find_element(By.CSS_SELECTOR, ".progress").is_displayed(), "it does not end")
        self.waits_for("slow", "Last synced")

    def test_link_and_split(self):
        self.added("attic", self.server("attic"))
        self.added("cellar", self.server("cellar", "--generation", "v22", "--seed", 2))
        self.open()
        self.waits_for("cellar", "scenes")
        # Both syncs are over when this does not change any more.
        self.waits(lambda: all("Last synced" in self.card(name).text for name in ["attic", "cellar"]), "they are not synced")
        self.press_at(".disagreement summary")
        self.picture("library")
        title = self.find(".disagreement b").text
        thing = self.find(".disagreement button").text.removeprefix("Split off ")
        self.press_at(".disagreement button")
        self.waits(lambda: thing in self.daemon.run("merge", "list"), "it was not split")
        self.press_at("#decided summary")
        self.waits(lambda: "stands by itself" in self.find("#decisions").text, "the decision is not shown")
        self.press_at("#decisions button")
        self.waits(lambda: thing not in self.daemon.run("merge", "list"), f"the split of {title} was not undone")
        names = [each.text.split(" · ")[-1] for each in self.find(".pair").find_elements(By.TAG_NAME, "small")]
        self.press_at(".pair button")
        self.waits(lambda: all(name in self.daemon.run("merge", "list") for name in names), "they were not linked")

    def test_the_token_unlocks_it(self):
        """Without the token nothing is shown; with it, it works, and stands in no address."""
        self.browser.get("about:blank")
        self.browser.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": self.daemon.address.rstrip("/"), "storageTypes": "all"})
        self.browser.get(self.daemon.address)
        self.find("#locked")
        self.picture("locked")
        self.fill("#token", "wrong")
        self.press("Unlock")
        self.waits(lambda: self.find("#token-fault").text, "a wrong token is not told of")
        self.fill("#token", self.daemon.token)
        self.press("Unlock")
        self.find("#welcome")
        self.open()
        self.find("#welcome")
        self.assertNotIn("token", self.browser.current_url)

    def test_it_says_when_the_daemon_is_gone(self):
        self.added("attic", self.server("attic"))
        self.open()
        self.waits_for("attic", "24 scenes")
        self.daemon.end()
        self.find("#lost")

    def test_a_keyboard_is_enough(self):
        self.added("attic", self.server("attic"))
        self.open()
        self.waits_for("attic", "24 scenes")
        body = self.browser.find_element(By.TAG_NAME, "body")
        body.send_keys(Keys.TAB)
        seen = []
        for _ in range(12):
            active = self.browser.switch_to.active_element
            seen.append(active.get_attribute("aria-label") or active.text)
            active.send_keys(Keys.TAB)
        for label in ["Sync all", "Add a server", "Use attic", "Sync: attic", "Edit: attic", "Remove: attic"]:
            self.assertIn(label, seen)
        self.press("Edit: attic")
        self.assertEqual(self.browser.switch_to.active_element.get_attribute("id"), "edit-url")
        self.browser.switch_to.active_element.send_keys(Keys.ESCAPE)
        self.waits(lambda: not self.browser.find_element(By.ID, "editor").is_displayed(), "Escape does not close it")

    def test_metrics_are_in_prometheus_format(self):
        server = self.server("attic", key=KEY)
        self.added("attic", server, KEY)
        scenes = self.daemon.mount / "scenes"
        until(lambda: scenes.is_dir() and list(scenes.iterdir()))
        films = [each for each in scenes.iterdir() if each.suffix == ".mp4"]
        data = films[0].read_bytes()
        with contextlib.suppress(FileNotFoundError):
            (scenes / "there is no such film").stat()
        text = until(lambda: (text := self.daemon.get("metrics")) and 'lookup",result="ENOENT"' in text and text)
        families = {family.name: family for family in text_string_to_metric_families(text)}
        for family in families.values():
            self.assertTrue(family.documentation, family.name)
            self.assertNotEqual(family.type, "unknown", family.name)
        def value(name, **labels):
            found = [sample.value for family in families.values() for sample in family.samples
                     if sample.name == name and labels.items() <= sample.labels.items()]
            self.assertTrue(found, f"{name} {labels}")
            return sum(found)
        self.assertGreater(value("peekfs_operations_total", operation="read", result="ok"), 0)
        self.assertEqual(value("peekfs_operation_duration_seconds_count", operation="read"),
                         value("peekfs_operations_total", operation="read"))
        self.assertGreaterEqual(value("peekfs_read_bytes_total"), len(data))
        self.assertGreaterEqual(value("peekfs_server_received_bytes_total", server="attic", purpose="media"), len(data))
        self.assertGreater(value("peekfs_server_requests_total", server="attic", purpose="api", result="ok"), 0)
        self.assertEqual(value("peekfs_server_up", server="attic"), 1)
        self.assertEqual(value("peekfs_library_members", server="attic", kind="scene"), 24)
        self.assertEqual(value("peekfs_parked_reads"), 0)
        for secret in [KEY, str(self.place), server.url, films[0].stem, self.daemon.token]:
            self.assertNotIn(secret, text)


if __name__ == "__main__":
    if "--pictures" in sys.argv:
        place = sys.argv.index("--pictures")
        PICTURES = Path(sys.argv[place + 1])
        del sys.argv[place:place + 2]
    sys.argv[1:] = [f"PageTests.{name}" if name.startswith("test_") else name for name in sys.argv[1:]]
    unittest.main(verbosity=2)

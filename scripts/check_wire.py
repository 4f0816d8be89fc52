"""Holds fake-stash against the recorded exchanges of two real Stash servers, and PeekFS's documents against their schemas.

    scripts/check-wire [RECORDINGS] [--documents DIR] [--fake-stash BINARY] [--verbose]

Replays every recorded request to a fake-stash of the same generation and compares the status, the headers that a client
may rely on, and the shape of JSON: same keys in the same order, same types; a null is allowed where the recorded schema is
nullable, a string need not be the same string. With --documents it also validates `<generation>-<name>.graphql` files
(generation v22 or v30) against the recorded introspection with graphql-core. Without recordings it says so and succeeds.
"""

import argparse
import http.client
import json
import os
import pathlib
import subprocess
import sys
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
GENERATIONS = {"v22": "v0.22.1", "v30": "v0.30.1"}
KEY = "key-for-check-wire"

# Headers whose presence has to agree.
PRESENCE = ["Content-Type", "Content-Range", "Accept-Ranges", "Allow", "Www-Authenticate", "Etag", "Last-Modified",
            "Content-Encoding", "Content-Disposition", "Cache-Control", "Vary", "X-Content-Type-Options", "Location",
            "Transfer-Encoding", "Content-Length"]
# Headers whose value has to agree, parameters apart.
VALUE = ["Content-Type", "Allow", "Www-Authenticate", "Content-Encoding", "Cache-Control", "Vary", "Location",
         "Accept-Ranges", "X-Content-Type-Options"]


class Schema:
    """The recorded schema, as far as nullability goes."""

    def __init__(self, introspection):
        data = introspection.get("data", introspection)
        self.types = {kind["name"]: kind for kind in data["__schema"]["types"]}

    def field(self, type_name, field):
        for candidate in self.types.get(type_name, {}).get("fields") or []:
            if candidate["name"] == field:
                return candidate["type"]
        return None


def unwrap(reference):
    while reference and reference.get("ofType"):
        reference = reference["ofType"]
    return reference["name"] if reference else None


def compare(schema, recorded, answered, reference, path, problems):
    """Compares two JSON values as one GraphQL type; reference is None where no type is known."""
    nullable = reference is None or reference["kind"] != "NON_NULL"
    inner = reference["ofType"] if not nullable else reference
    if recorded is None or answered is None:
        if (recorded is None) != (answered is None) and not nullable:
            problems.append(f"{path}: null where the schema has none")
        return
    number = (int, float)
    same = isinstance(recorded, number) and isinstance(answered, number) and \
        isinstance(recorded, bool) == isinstance(answered, bool)
    if not same and type(recorded) is not type(answered):
        problems.append(f"{path}: {type(answered).__name__} instead of {type(recorded).__name__}")
        return
    if isinstance(recorded, dict):
        if list(recorded) != list(answered):
            # Members of a union have the fields of their own type.
            if recorded.get("__typename") == answered.get("__typename"):
                problems.append(f"{path}: keys {list(answered)} instead of {list(recorded)}")
            return
        name = unwrap(inner) if inner else None
        for key in recorded:
            compare(schema, recorded[key], answered[key], schema.field(name, key) if name else None,
                    f"{path}.{key}", problems)
    elif isinstance(recorded, list):
        item = inner.get("ofType") if inner else None
        if recorded:
            for number, element in enumerate(answered):
                compare(schema, recorded[min(number, len(recorded) - 1)], element, item, f"{path}[{number}]", problems)


def check_json(schema, exchange, body, problems):
    recorded = exchange["response"]["json"]
    try:
        answered = json.loads(body)
    except ValueError:
        problems.append("the body is not JSON")
        return
    if list(recorded) != list(answered):
        problems.append(f"keys {list(answered)} instead of {list(recorded)}")
        return
    if recorded.get("data") is not None:
        text = exchange["request"]["body"]["query"]
        root = "Mutation" if text.startswith("mutation") else "Query"
        compare(schema, recorded["data"], answered["data"], {"kind": "OBJECT", "name": root}, "data", problems)
    elif answered.get("data") is not None:
        problems.append("data where none was")
    if "errors" in recorded:
        first, second = recorded["errors"][0], answered["errors"][0]
        if set(first) != set(second):
            problems.append(f"errors have {sorted(second)} instead of {sorted(first)}")
        if first["message"] != second["message"]:
            problems.append(f"message {second['message']!r} instead of {first['message']!r}")
        if first.get("extensions") != second.get("extensions") or first.get("locations") != second.get("locations"):
            problems.append(f"error {second} instead of {first}")


def check_headers(recorded, answered, problems):
    for name in PRESENCE:
        if (name in recorded) != (name in answered):
            # Whether a small body is sent in chunks depends on its size alone.
            if name in ("Transfer-Encoding", "Content-Length") and "json" in recorded.get("Content-Type", ""):
                continue
            problems.append(f"{name}: {answered.get(name)!r} instead of {recorded.get(name)!r}")
    for name in VALUE:
        if name in recorded and name in answered:
            expected, found = recorded[name].split(";")[0], answered[name].split(";")[0]
            if expected != found:
                problems.append(f"{name}: {found!r} instead of {expected!r}")
    if "Content-Range" in recorded and "Content-Range" in answered:
        if ("*/" in recorded["Content-Range"]) != ("*/" in answered["Content-Range"]):
            problems.append(f"Content-Range has another shape: {answered['Content-Range']}")


class Fake:
    """A running fake-stash."""

    def __init__(self, binary, generation):
        self.key_file = tempfile.NamedTemporaryFile("w", suffix=".key")
        self.key_file.write(KEY)
        self.key_file.flush()
        self.process = subprocess.Popen(
            [binary, "--generation", generation, "--recorded-like", "--requires-login",
             "--api-key-file", self.key_file.name], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.port = int(line.rsplit(":", 1)[1])

    def ask(self, method, path, headers, body):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=headers)
            response = connection.getresponse()
            answered = {name.title(): value for name, value in response.getheaders()}
            return response.status, answered, response.read()
        finally:
            connection.close()

    def stop(self):
        self.process.terminate()
        code = self.process.wait(timeout=20)
        self.key_file.close()
        if code != 0:
            raise SystemExit(f"fake-stash ended with {code}")


def prepare(exchange, learned):
    """The headers to send: our key, and our validators in place of the recorded ones."""
    headers = dict(exchange["request"]["headers"])
    if headers.get("ApiKey") == "<key>":
        headers["ApiKey"] = KEY
    path = exchange["request"]["path"].split("?")[0]
    known = learned.get(path, {})
    if headers.get("If-Range", "").startswith(("Mon, 01 Jan 2001",)):
        pass
    elif "If-Range" in headers and "Last-Modified" in known:
        headers["If-Range"] = known["Last-Modified"]
    if "If-Modified-Since" in headers and "Last-Modified" in known:
        headers["If-Modified-Since"] = known["Last-Modified"]
    if "If-None-Match" in headers and "Etag" in known:
        headers["If-None-Match"] = known["Etag"]
    return headers


def replay(binary, generation, recordings, verbose):
    exchanges = json.loads((recordings / f"{GENERATIONS[generation]}.json").read_text())
    schema = Schema(json.loads((recordings / f"{GENERATIONS[generation]}-introspection.json").read_text()))
    fake = Fake(binary, generation)
    failed = 0
    learned = {}
    try:
        for exchange in exchanges:
            request, recorded = exchange["request"], exchange["response"]
            body = json.dumps(request["body"]) if request.get("body") is not None else None
            problems = []
            status, headers, answer = fake.ask(request["method"], request["path"], prepare(exchange, learned), body)
            learned.setdefault(request["path"].split("?")[0], {}).update(
                {name: headers[name] for name in ("Last-Modified", "Etag") if name in headers})
            if status != recorded["status"]:
                problems.append(f"status {status} instead of {recorded['status']}")
            else:
                check_headers({name.title(): value for name, value in recorded["headers"].items()}, headers, problems)
                if "json" in recorded and isinstance(recorded["json"], dict):
                    check_json(schema, exchange, answer, problems)
            title = f"{generation} {exchange['name']}: {request['method']} {request['path']}"
            if problems:
                failed += 1
                print(f"FAIL {title}")
                for problem in problems:
                    print(f"     {problem}")
            elif verbose:
                print(f"ok   {title}")
    finally:
        fake.stop()
    print(f"{generation}: {len(exchanges) - failed} passed, {failed} failed")
    return failed


def check_documents(directory, recordings):
    try:
        import graphql
    except ImportError:
        raise SystemExit("graphql-core is not installed: pip install graphql-core")
    schemas = {}
    for version in GENERATIONS.values():
        data = json.loads((recordings / f"{version}-introspection.json").read_text())
        schemas[version] = graphql.build_client_schema(data.get("data", data))
    failed = 0
    files = sorted(directory.glob("*.graphql"))
    for file in files:
        version = file.name.split("-")[0]
        if version not in schemas:
            print(f"FAIL {file.name}: the name does not begin with one of {', '.join(schemas)}")
            failed += 1
            continue
        try:
            errors = graphql.validate(schemas[version], graphql.parse(file.read_text()))
        except graphql.GraphQLSyntaxError as error:
            errors = [error]
        if errors:
            failed += 1
            print(f"FAIL {file.name}")
            for error in errors:
                print(f"     {error.message}")
    print(f"documents: {len(files) - failed} passed, {failed} failed")
    return failed + (0 if files else 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="?", type=pathlib.Path,
                        default=REPOSITORY.parent / "shared" / "stash" / "recorded")
    parser.add_argument("--documents", type=pathlib.Path, help="directory of <generation>-<name>.graphql files")
    parser.add_argument("--fake-stash", help="the binary to test; built if not given")
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()

    if not (arguments.recordings / f"{GENERATIONS['v30']}.json").exists():
        print(f"check-wire: skipped, there are no recordings in {arguments.recordings}")
        return 0
    failed = 0
    if arguments.documents:
        failed += check_documents(arguments.documents, arguments.recordings)
    binary = arguments.fake_stash
    if not binary:
        subprocess.run(["swift", "build", "--quiet", "--product", "fake-stash"], cwd=REPOSITORY, check=True,
                       stdout=sys.stderr)
        binary = os.fspath(REPOSITORY / ".build" / "debug" / "fake-stash")
    for generation in GENERATIONS:
        failed += replay(binary, generation, arguments.recordings, arguments.verbose)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

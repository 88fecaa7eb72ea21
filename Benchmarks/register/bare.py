"""etcd alone: the transactions of `FabricStoreEtcd` from a client that does nothing else (h2load). Used by Benchmarks/etcd.sh.

Each request writes COUNT bindings, each guarded by its group's fence and its own revision. Three ways: a nested transaction for each
binding through the JSON gateway, one flat transaction for all through the gateway, and the flat one as protobuf over gRPC, which says what
the gateway costs. h2load sends one body again and again; the comparison of the revision is therefore "not 1", which always holds.

Arguments: a JSON object with `url`, `pids` (of the members), `seconds`, `count`, `outstanding`, and optionally `ways`.
"""
import base64
import json
import re
import subprocess
import sys
import tempfile

from bench import cpu

options = json.loads(sys.argv[1])
COUNT = options.get("count", 100)
PREFIX = "/quorate/bench/"
# As long as a binding of one UDP contact is.
VALUE = bytes(range(32, 122)) + b"x" * 80
FENCE = b"1"
bindings = [(f"{PREFIX}binding/{number % 8:05}/sip:u{number:07}@example.com".encode(), f"{PREFIX}fence/{number % 8:05}".encode())
            for number in range(COUNT)]
fences = sorted({fence for _, fence in bindings})


def b64(data):
    return base64.b64encode(data).decode()


def nested():
    return json.dumps({"success": [
        {"request_txn": {
            "compare": [{"key": b64(fence), "target": "VALUE", "result": "EQUAL", "value": b64(FENCE)},
                        {"key": b64(key), "target": "MOD", "result": "NOT_EQUAL", "mod_revision": "1"}],
            "success": [{"request_put": {"key": b64(key), "value": b64(VALUE)}}],
            "failure": [{"request_range": {"key": b64(fence)}}, {"request_range": {"key": b64(key)}}],
        }} for key, fence in bindings]}, separators=(",", ":")).encode()


def flat():
    return json.dumps({
        "compare": [{"key": b64(fence), "target": 3, "value": b64(FENCE)} for fence in fences]
        + [{"key": b64(key), "target": 2, "result": 3, "mod_revision": 1} for key, _ in bindings],
        "success": [{"request_put": {"key": b64(key), "value": b64(VALUE)}} for key, _ in bindings],
    }, separators=(",", ":")).encode()


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, value):
    """One field of a protobuf message: bytes, or a number."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def grpc():
    body = b""
    for fence in fences:
        body += field(1, field(2, 3) + field(3, fence) + field(7, FENCE))
    for key, _ in bindings:
        body += field(1, field(1, 3) + field(2, 2) + field(3, key) + field(6, 1))
    for key, _ in bindings:
        body += field(2, field(2, field(1, key) + field(2, VALUE)))
    return b"\0" + len(body).to_bytes(4, "big") + body


def post(path, body):
    with tempfile.NamedTemporaryFile() as file:
        file.write(json.dumps(body).encode())
        file.flush()
        return json.loads(subprocess.run(["curl", "-sS", "--data-binary", f"@{file.name}", options["url"] + path],
                                         capture_output=True, check=True).stdout)


for fence in fences:
    post("/v3/kv/put", {"key": b64(fence), "value": b64(FENCE)})
print(f"| etcd alone, {COUNT} bindings a request, {options['outstanding']} requests under way | bindings/s | CPU of etcd a binding |")
print("| --- | --- | --- |")
ways = {
    "JSON gateway, a nested transaction each": (nested, "/v3/kv/txn", "application/json", ["--h1"]),
    "JSON gateway, one flat transaction": (flat, "/v3/kv/txn", "application/json", ["--h1"]),
    "gRPC, one flat transaction": (grpc, "/etcdserverpb.KV/Txn", "application/grpc", []),
}
for name, (body, path, kind, extra) in ways.items():
    with tempfile.NamedTemporaryFile() as file:
        file.write(body())
        file.flush()
        revision = int(post("/v3/maintenance/status", {})["header"]["revision"])
        # HTTP/1 has one request under way a connection; gRPC has all on one.
        parallel = ["-c", str(options["outstanding"])] if extra else ["-c", "1", "-m", str(options["outstanding"])]
        before = cpu(options["pids"])
        done = subprocess.run(["h2load", "-t", "1", "-D", str(options["seconds"]), *parallel, *extra, "-d", file.name,
                               "-H", f"content-type: {kind}", "-H", "te: trailers", options["url"] + path],
                              capture_output=True, text=True)
        used = cpu(options["pids"]) - before
        applied = int(post("/v3/maintenance/status", {})["header"]["revision"]) - revision
        seconds = options["seconds"]
        if not re.search(r"requests: .* 0 failed", done.stdout) or applied == 0:
            sys.exit(f"{name}: {applied} requests applied\n{done.stdout}{done.stderr}")
        print(f"| {name} ({len(body()) // COUNT} bytes a binding) | {applied * COUNT / seconds:.0f} "
              f"| {used / (applied * COUNT) * 1e6:.1f} us |", flush=True)

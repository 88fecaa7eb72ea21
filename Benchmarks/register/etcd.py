"""The figures of a pool whose fabric is on etcd, all on this machine. Called by Benchmarks/etcd.sh."""
import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from bench import Load, cpu

HERE = os.path.dirname(os.path.abspath(__file__))


class Etcd:
    """Members with etcd's default limits."""

    def __init__(self, members):
        self.work = tempfile.mkdtemp(prefix="etcd-bench-")
        self.urls = [f"http://127.0.0.1:{23900 + number}" for number in range(members)]
        peers = [f"http://127.0.0.1:{23800 + number}" for number in range(members)]
        cluster = ",".join(f"m{number}={peer}" for number, peer in enumerate(peers))
        self.processes = []
        for number, (url, peer) in enumerate(zip(self.urls, peers)):
            with open(f"{self.work}/m{number}.log", "w") as log:
                self.processes.append(subprocess.Popen(
                    ["etcd", "--name", f"m{number}", "--data-dir", f"{self.work}/m{number}", "--initial-cluster", cluster,
                     "--listen-client-urls", url, "--advertise-client-urls", url, "--listen-peer-urls", peer,
                     "--initial-advertise-peer-urls", peer, "--quota-backend-bytes", str(8 << 30)], stdout=log, stderr=log))
        self.pids = [process.pid for process in self.processes]
        for url in self.urls:
            self.wait(url)

    def wait(self, url):
        for _ in range(100):
            done = subprocess.run(["curl", "-s", "-m", "1", "-d", "{}", url + "/v3/maintenance/status"], capture_output=True, text=True)
            if '"leader":"' in done.stdout and '"leader":"0"' not in done.stdout:
                return
            time.sleep(0.1)
        raise SystemExit(f"etcd at {url} has no leader after 10 s; see {self.work}")

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()
        shutil.rmtree(self.work, ignore_errors=True)


class Pool:
    """Servers whose fabric is on those members."""

    def __init__(self, program, etcd, servers, started=None):
        self.program = program
        self.work = tempfile.mkdtemp(prefix="quorate-etcd-bench-")
        self.file = f"{self.work}/pool.yaml"
        addresses = ",".join(url.removeprefix("http://") for url in etcd.urls)
        lines = ["pool: bench", "domain: example.com", f"fabric: etcd:http://{addresses}/quorate/bench", "groups: 24", "servers:"]
        self.targets, self.pids = [], []
        for number in range(1, servers + 1):
            port = 25300 + number * 10
            self.targets.append(f"127.0.0.1:{port}")
            lines.append(f'  - {{name: fe{number}, sip: "127.0.0.1:{port}", peer: "127.0.0.1:{port + 1}", http: "127.0.0.1:{port + 2}"}}')
        with open(self.file, "w") as file:
            file.write("\n".join(lines) + "\n")
        for number in range(1, (started or servers) + 1):
            self.start(f"fe{number}")
        self.targets = self.targets[:started or servers]

    def run(self, *arguments, check=True):
        done = subprocess.run([self.program, *arguments], capture_output=True, text=True)
        if check and done.returncode != 0:
            raise SystemExit(f"quorate {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self, server):
        self.run("pool", "start", self.file, "--server", server)
        with open(f"{self.work}/servers/{server}/run/server.pid") as file:
            self.pids.append(int(file.read()))

    def state(self):
        try:
            return json.loads(self.run("fabric-state", self.file, "--json", check=False))
        except json.JSONDecodeError:
            return None

    def wait(self, what, is_true, seconds=120):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            state = self.state()
            if state and is_true(state):
                return
            time.sleep(0.1)
        raise SystemExit(f"waited {seconds} s for {what}")

    def stop(self):
        self.run("pool", "stop", self.file, check=False)
        shutil.rmtree(self.work, ignore_errors=True)


def verdict(value, bound, at_least=False):
    return "met" if (value >= bound if at_least else value <= bound) else "MISSED"


def row(name, wanted, measured, word):
    print(f"| {name} | {wanted} | {measured} | {word} |", flush=True)


def rates(options, members, servers, bound):
    """REGISTER/s at the rate that is wanted, and as fast as they are answered; who used the CPU."""
    etcd = Etcd(members)
    pool = Pool(options.program, etcd, servers)
    load = Load(options.load)
    name = f"{servers} server(s) on {members} member(s)"

    def measure(what, **arguments):
        before, start = cpu(etcd.pids), time.monotonic()
        result = load(pool, **arguments)
        elapsed = time.monotonic() - start
        used = cpu(etcd.pids) - before
        own = result["cpu_us"] * result["answered"] / 1e6
        each = used / max(1, result["answered"]) * 1e6
        row(f"{name}: {what}", "", f"{result['ok'] / result['seconds']:.0f}/s, p50 {result['p50_ms']} ms, p99 {result['p99_ms']} ms, "
            f"sent again {result['retransmissions']}, lost {result['lost']}; CPU of etcd {used / elapsed * 100:.0f} %, "
            f"Quorate {own / elapsed * 100:.0f} %, the generator {result['generator_cpu'] / elapsed * 100:.0f} %; "
            f"a REGISTER {each:.0f} and {result['cpu_us']:.0f} us", "")
        return result

    try:
        pool.wait("every group to be healthy", lambda state: state["healthy"])
        measure("new users", mode="fill", users=options.users, window=512)
        at = measure(f"offered {bound}/s", mode="mix", users=options.users, new=0.1, rate=bound, seconds=options.seconds)
        most = measure("as fast as it answers, 512 under way", mode="mix", users=options.users, new=0.1, window=512, seconds=options.seconds)
        best = round(max(result["ok"] / result["seconds"] for result in (at, most)))
        row(f"{name}: durable REGISTER/s", f">= {bound}", best, verdict(best, bound, at_least=True))
    finally:
        pool.stop()
        etcd.stop()


def join_part(options):
    """A second server comes to a pool that holds many bindings: from its start until every replica is up."""
    etcd = Etcd(3)
    pool = Pool(options.program, etcd, 2, started=1)
    try:
        pool.wait("the first server to lead", lambda state: state["counts"]["groupsWithoutPrimary"] == 0)
        filled = Load(options.load)(pool, mode="fill", users=options.bindings, window=512)
        start, before = time.monotonic(), cpu(etcd.pids)
        pool.start("fe2")
        pool.wait("every replica to be up", lambda state: state["healthy"])
        took = time.monotonic() - start
        row(f"a server joins a pool of {filled['ok']} bindings: ready after", "<= 30 s",
            f"{took:.1f} s; CPU of etcd {cpu(etcd.pids) - before:.1f} s, of the new server {cpu(pool.pids[-1:]):.1f} s "
            f"(filled at {filled['ok'] / filled['seconds']:.0f}/s)", verdict(took, 30))
    finally:
        pool.stop()
        etcd.stop()


def bare_part(options):
    etcd = Etcd(1)
    try:
        for outstanding in (1, 4):
            subprocess.run([sys.executable, f"{HERE}/bare.py", json.dumps(
                {"url": etcd.urls[0], "pids": etcd.pids, "seconds": 5, "outstanding": outstanding})], check=True)
    finally:
        etcd.stop()


PARTS = {
    "bare": bare_part,
    "one": lambda options: rates(options, 1, 1, 10_000),
    "three": lambda options: rates(options, 3, 3, 5_000),
    "join": join_part,
}

if __name__ == "__main__":
    # So that what was started is stopped when this is stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--load", required=True)
    parser.add_argument("--parts", default="one,three,join,bare")
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--bindings", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=8)
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, load before: {open('/proc/loadavg').read().strip()}", flush=True)
    for part in options.parts.split(","):
        if part not in PARTS:
            sys.exit(f"no part {part}; there are {', '.join(PARTS)} and gaps")
        if part != "bare":
            print("\n| figure | wanted | measured | |\n| --- | --- | --- | --- |")
        PARTS[part](options)

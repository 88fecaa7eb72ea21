"""What Benchmarks/register.sh measures: starts a server, loads it, reads its CPU time and memory from /proc."""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TICK = os.sysconf("SC_CLK_TCK")


def tree(pid):
    """The process and everything below it."""
    found = [pid]
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        try:
            with open(path) as file:
                for child in file.read().split():
                    found += tree(int(child))
        except OSError:
            pass
    return found


def cpu(pids):
    """CPU seconds used so far, user and system."""
    total = 0
    for pid in pids:
        for each in tree(pid):
            try:
                with open(f"/proc/{each}/stat") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
                total += int(fields[11]) + int(fields[12])
            except OSError:
                pass
    return total / TICK


def resident(pids):
    """Proportional resident bytes."""
    total = 0
    for pid in pids:
        for each in tree(pid):
            try:
                with open(f"/proc/{each}/smaps_rollup") as file:
                    for line in file:
                        if line.startswith("Pss:"):
                            total += int(line.split()[1]) * 1024
            except OSError:
                pass
    return total


class Quorate:
    """A pool of Quorate on this machine."""

    def __init__(self, program, servers=1, password=None, users=0, base=25171, tls=None):
        self.name = "Quorate" if servers == 1 else f"Quorate, {servers} servers"
        self.program = program
        self.work = tempfile.mkdtemp(prefix="quorate-bench-")
        self.file = f"{self.work}/pool.yaml"
        self.targets = [f"127.0.0.1:{base + 10 * index}" for index in range(servers)]
        lines = ["pool: benchmark", "domain: example.com", "fabric: sqlite:fabric.db", "groups: 8", "servers:"]
        for index in range(servers):
            at = base + 10 * index
            secure = f', tls: {{address: "127.0.0.1:{at + 3}", certificate: tls.pem, key: tls.key}}' if tls else ""
            lines.append(
                f'  - {{name: fe{index + 1}, sip: "127.0.0.1:{at}", peer: "127.0.0.1:{at + 1}", http: "127.0.0.1:{at + 2}"{secure}}}'
            )
        self.secure = [f"127.0.0.1:{base + 10 * index + 3}" for index in range(servers)]
        if tls:
            key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
            name = ["-subj", "/CN=example.com", "-keyout", f"{self.work}/tls.key", "-out", f"{self.work}/tls.pem"]
            subprocess.run(["openssl", "req", "-x509", *key, "-nodes", "-days", "2", *name], check=True, capture_output=True)
            os.chmod(f"{self.work}/tls.key", 0o600)
        with open(self.file, "w") as file:
            file.write("\n".join(lines) + "\n")
        self.run("pool", "start", self.file)
        if password:
            listing = f"{self.work}/users.csv"
            with open(listing, "w") as file:
                for number in range(users):
                    file.write(f"u{number:07d},{password}\n")
            self.run("user", "import", self.file, listing)
            time.sleep(1)
        self.pids = []
        for index in range(servers):
            with open(f"{self.work}/servers/fe{index + 1}/run/server.pid") as file:
                self.pids.append(int(file.read()))

    def run(self, *arguments):
        # The pool's processes live on: they must not hold what this one has open.
        done = subprocess.run([self.program, *arguments], capture_output=True, text=True, close_fds=True)
        if done.returncode != 0:
            raise SystemExit(f"quorate {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def stop(self):
        subprocess.run([self.program, "pool", "stop", self.file], capture_output=True)
        shutil.rmtree(self.work, ignore_errors=True)


class Kamailio:
    """Kamailio as a registrar: in memory, or writing through to SQLite, with or without digest."""

    def __init__(self, database=False, password=None):
        self.name = "Kamailio" + (", write-through to SQLite" if database else ", in memory")
        self.work = tempfile.mkdtemp(prefix="kamailio-bench-")
        self.targets = ["127.0.0.1:25160"]
        defines = []
        if database:
            file = f"{self.work}/kamailio.db"
            schema = "/usr/share/kamailio/db_sqlite"
            for part in ["standard", "usrloc"]:
                with open(f"{schema}/{part}-create.sql") as sql:
                    subprocess.run(["sqlite3", file], stdin=sql, check=True)
            defines += ["-A", f'DBURL="sqlite:///{file}"', "-A", "WITH_DB"]
        if password:
            defines += ["-A", f'PASSWORD="{password}"', "-A", "WITH_DIGEST"]
        self.log = open(f"{self.work}/log", "w")
        self.process = subprocess.Popen(
            ["kamailio", "-f", f"{HERE}/kamailio.cfg", "-DD", "-E", "-m", "4096", "-M", "16",
             "-Y", self.work, "-P", f"{self.work}/pid", *defines],
            stdout=self.log, stderr=self.log,
        )
        self.pids = [self.process.pid]
        time.sleep(2)
        if self.process.poll() is not None:
            with open(f"{self.work}/log") as file:
                raise SystemExit("kamailio did not start: " + file.read()[-2000:])

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        shutil.rmtree(self.work, ignore_errors=True)


class Load:
    """The load generator."""

    def __init__(self, generator):
        self.generator = generator

    def __call__(self, server, **options):
        arguments = [f"target={target}" for target in server.targets]
        arguments += [f"{name}={value}" for name, value in options.items() if value is not None]
        before = cpu(server.pids)
        done = subprocess.run([self.generator, *arguments], capture_output=True, text=True, timeout=600)
        if done.returncode != 0:
            raise SystemExit(f"load {' '.join(arguments)}: {done.stderr}")
        result = json.loads(done.stdout)
        result["cpu_us"] = round((cpu(server.pids) - before) / max(1, result["answered"]) * 1e6, 2)
        result["rate"] = round(result["answered"] / result["seconds"])
        return result

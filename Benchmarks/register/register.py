"""REGISTER against one server: rate, CPU of the server, latency. Used by Benchmarks/register.sh.

Loads a server with SIPp processes and reads the server's own CPU time from /proc, so that the figure does not depend on
how much the load generators take of the same cores.
"""
import csv
import glob
import json
import os
import subprocess
import sys
import tempfile
import time

TICK = os.sysconf("SC_CLK_TCK")


def process_tree(pid):
    """The process and everything below it."""
    found = [pid]
    for path in glob.glob(f"/proc/{pid}/task/*/children"):
        with open(path) as file:
            for child in file.read().split():
                found += process_tree(int(child))
    return found


def cpu_seconds(pid):
    total = 0
    for each in process_tree(pid):
        try:
            with open(f"/proc/{each}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
        except OSError:
            pass
    return total / TICK


def resident_bytes(pid):
    total = 0
    for each in process_tree(pid):
        try:
            with open(f"/proc/{each}/smaps_rollup") as file:
                for line in file:
                    if line.startswith("Pss:"):
                        total += int(line.split()[1]) * 1024
        except OSError:
            pass
    return total


def users_file(path, first, count):
    with open(path, "w") as file:
        file.write("SEQUENTIAL\n")
        for number in range(first, first + count):
            file.write(f"u{number:07d}\n")


def load(targets, scenario, rate, calls, users, first_user=0, processes=2):
    """Runs SIPp processes against the targets in turn; returns what they counted."""
    work = tempfile.mkdtemp(prefix="quorate-bench-")
    running = []
    share = max(1, users // processes)
    for index in range(processes):
        injection = f"{work}/users{index}.csv"
        users_file(injection, first_user + index * share, share)
        target = targets[index % len(targets)]
        command = [
            "sipp", target, "-sf", scenario, "-inf", injection,
            "-i", "127.0.0.1", "-p", str(25200 + index * 10),
            "-r", str(rate // processes), "-m", str(calls // processes), "-l", "20000",
            "-nostdin", "-trace_stat", "-stf", f"{work}/stat{index}.csv", "-fd", "1",
            "-recv_timeout", "32000", "-timeout", "120", "-buff_size", "4194304",
        ]
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=work))
    start = time.monotonic()
    codes = [process.wait() for process in running]
    elapsed = time.monotonic() - start
    counted = {"elapsed": elapsed, "codes": codes, "ok": 0, "failed": 0, "retransmissions": 0, "buckets": {}}
    for index in range(processes):
        with open(f"{work}/stat{index}.csv") as file:
            rows = list(csv.DictReader(file, delimiter=";"))
        last = rows[-1]
        counted["ok"] += int(last["SuccessfulCall(C)"])
        counted["failed"] += int(last["FailedCall(C)"])
        counted["retransmissions"] += int(last["Retransmissions(C)"])
        for name, value in last.items():
            if name and name.startswith("ResponseTimeRepartition1_"):
                bucket = name[len("ResponseTimeRepartition1_"):]
                counted["buckets"][bucket] = counted["buckets"].get(bucket, 0) + int(value or 0)
    return counted


def percentile_bucket(buckets, share):
    """The bucket that holds the given share of the answers: SIPp counts in buckets of milliseconds."""
    total = sum(buckets.values())
    seen = 0
    for name, count in buckets.items():
        seen += count
        if total and seen >= total * share:
            return name
    return "?"


def measure(pid, targets, scenario, rate, seconds, users, processes=2):
    before = cpu_seconds(pid)
    counted = load(targets, scenario, rate, rate * seconds, users, processes=processes)
    used = cpu_seconds(pid) - before
    done = counted["ok"]
    return {
        "asked": rate,
        "rate": round(done / counted["elapsed"]),
        "cpu_us": round(used / max(1, done) * 1e6, 2),
        "retransmissions": counted["retransmissions"],
        "failed": counted["failed"],
        "p99": percentile_bucket(counted["buckets"], 0.99),
        "resident": resident_bytes(pid),
    }


if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    result = measure(
        options["pid"], options["targets"], options["scenario"], options["rate"], options["seconds"],
        options["users"], options.get("processes", 2),
    )
    print(json.dumps(result))

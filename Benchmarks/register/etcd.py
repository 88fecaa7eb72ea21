"""REGISTER against a pool whose fabric is on etcd: rate, latency and who used the CPU. Used by Benchmarks/etcd.sh.

Arguments: a JSON object with `servers` (name, pid, sip), `etcd` (pids), `rate`, `seconds`, `users`, `scenario`.
"""
import json
import resource
import sys
import time

from register import cpu_seconds, load, percentile_bucket

options = json.loads(sys.argv[1])
servers, rate, seconds = options["servers"], options["rate"], options["seconds"]
processes = max(2, len(servers))
before = [cpu_seconds(server["pid"]) for server in servers], [cpu_seconds(pid) for pid in options["etcd"]]
own, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
counted = load([server["sip"] for server in servers], options["scenario"], rate, rate * seconds, options["users"],
               processes=processes)
elapsed = time.monotonic() - start
after = [cpu_seconds(server["pid"]) for server in servers], [cpu_seconds(pid) for pid in options["etcd"]]
sipp = resource.getrusage(resource.RUSAGE_CHILDREN)


def share(seconds):
    return f"{seconds / elapsed * 100:.0f} %"


done = counted["ok"]
quorate = sum(after[0]) - sum(before[0])
etcd = sum(after[1]) - sum(before[1])
clients = sipp.ru_utime + sipp.ru_stime - own.ru_utime - own.ru_stime
print(f"| REGISTER/s | {done / counted['elapsed']:.0f} (asked {rate}) |")
print(f"| failed, retransmitted | {counted['failed']}, {counted['retransmissions']} |")
print(f"| answered within (ms), 99 % | {percentile_bucket(counted['buckets'], 0.99)} |")
print(f"| CPU of etcd, Quorate, SIPp (100 % is one core) | {share(etcd)}, {share(quorate)}, {share(clients)} |")
print(f"| CPU a REGISTER: etcd, Quorate | {etcd / max(1, done) * 1e6:.0f} us, {quorate / max(1, done) * 1e6:.0f} us |")

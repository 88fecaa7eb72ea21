"""The figures of issue 3, each server in turn in one run. Called by Benchmarks/register.sh."""
import argparse
import os
import socket
import subprocess
import sys
import time

from bench import HERE, Kamailio, Load, Quorate, resident

CONTACT = "127.0.0.1:25390"
PASSWORD = "benchmark"


def show(name, result, note=""):
    print(
        f"  {name:34} {result['rate']:6}/s  {result['cpu_us']:6.1f} us  p50 {result['p50_ms']:7.2f} ms  "
        f"p99 {result['p99_ms']:7.2f} ms  again {result['retransmissions']:5}  lost {result['lost']:5} {note}",
        flush=True,
    )


def ratio(what, ours, theirs, bound, at_least=False):
    value = ours / theirs if theirs else float("inf")
    met = value >= bound if at_least else value <= bound
    print(f"  = {what}: {value:.2f} (bound: {'at least' if at_least else 'at most'} {bound}) {'met' if met else 'MISSED'}", flush=True)


def both(load, make, body):
    results = []
    for maker in make:
        server = maker()
        try:
            results.append(body(server))
        finally:
            server.stop()
    return results


def cpu_part(load, options):
    """CPU and latency at rates."""
    print(f"REGISTER, {options.users} bindings, a tenth of the requests new ones, the others refresh one at random", flush=True)

    def body(server):
        filled = load(server, mode="fill", users=options.users, window=256)
        show(f"{server.name}: all new", filled)
        at = {}
        for rate in options.rates:
            at[rate] = load(server, mode="mix", users=options.users, new=0.1, rate=rate, seconds=options.seconds)
            show(f"{server.name}: {rate}/s", at[rate])
        return at

    ours, theirs = both(load, [lambda: Quorate(options.program), Kamailio], body)
    for rate in options.rates:
        ratio(f"CPU a REGISTER at {rate}/s", ours[rate]["cpu_us"], theirs[rate]["cpu_us"], 1.0)
    print(f"  = p99 at {options.rates[-1]}/s: {ours[options.rates[-1]]['p99_ms']} ms (bound 5)", flush=True)


def highest_rate(load, server, options, start, step=1.15, most=80_000):
    """The highest rate at which nothing had to be sent again. A step is tried three times: a moment in which the machine does
    something else says nothing about a server."""
    best = {"rate": 0, "cpu_us": 0}
    rate = start
    while rate <= most:
        for _ in range(3):
            result = load(server, mode="mix", users=options.users, new=0.1, rate=int(rate), seconds=options.seconds)
            show(f"{server.name}: {int(rate)}/s", result)
            # A 503 is no service either, and a generator that lags behind has offered less.
            is_clean = not (result["retransmissions"] or result["lost"] or result["ok"] < result["sent"])
            is_clean = is_clean and result["rate"] >= 0.97 * int(rate)
            if is_clean:
                break
        if not is_clean:
            break
        best = result
        rate *= step
    return best


def rate_part(load, options):
    print("Highest rate without a retransmission", flush=True)

    def body(server):
        load(server, mode="fill", users=options.users, window=256)
        return highest_rate(load, server, options, options.rates[-1] * 0.5)

    ours, theirs = both(load, [lambda: Quorate(options.program), Kamailio], body)

    def through(server):
        # As fast as it answers: rates of some hundreds a second need no search.
        return load(server, mode="mix", users=1000, new=0.1, window=32, rate=0, seconds=options.seconds)

    (database,) = both(load, [lambda: Kamailio(database=True)], through)
    show("Kamailio, write-through", database)
    ratio("highest rate, to Kamailio in memory", ours["rate"], theirs["rate"], 1.0, at_least=True)
    ratio("highest rate, to Kamailio write-through", ours["rate"], database["rate"], 30, at_least=True)


def digest_part(load, options):
    users = 2_000
    print(f"Digest: MD5, qop=auth, nonces used again, {users} users", flush=True)

    def body(server):
        load(server, mode="fill", users=users, window=128, password=PASSWORD)
        result = load(server, mode="mix", users=users, rate=10_000, seconds=options.seconds, password=PASSWORD)
        show(server.name, result, f"challenged {result['challenged']}")
        return result

    ours, theirs = both(
        load, [lambda: Quorate(options.program, password=PASSWORD, users=users), lambda: Kamailio(password=PASSWORD)], body
    )
    ratio("CPU with digest at 10000/s", ours["cpu_us"], theirs["cpu_us"], 1.2)


def pool_part(load, options):
    print("Three servers, requests spread over them", flush=True)
    server = Quorate(options.program, servers=3)
    try:
        time.sleep(2)
        load(server, mode="fill", users=options.users, window=256)
        best = highest_rate(load, server, options, 8_000, step=1.25, most=30_000)
    finally:
        server.stop()
    print(f"  = pool of three: {best['rate']}/s (bound: at least 12000) {'met' if best['rate'] >= 12_000 else 'MISSED'}", flush=True)


def memory_part(load, options):
    """Each size's memory before any MESSAGE: a proxy remembers those for half a minute, which is no binding's memory."""
    print("Memory and lookups", flush=True)
    cpu = {}

    def message(server, users):
        result = load(server, mode="message", users=users, rate=4_000, seconds=options.seconds, contact=CONTACT)
        show(f"MESSAGE with {users} bindings", result)
        cpu[users] = result["cpu_us"]

    small, large = options.sizes[0], options.sizes[-1]
    server = Quorate(options.program)
    try:
        load(server, mode="fill", users=small, window=256, contact=CONTACT)
        message(server, small)
    finally:
        server.stop()
    server = Quorate(options.program)
    done = 0
    try:
        empty = resident(server.pids)
        for users in options.sizes[1:]:
            load(server, mode="fill", first=done, users=users - done, window=256, contact=CONTACT)
            done = users
            time.sleep(3)
            each = (resident(server.pids) - empty) / users
            print(f"  = {users} bindings: {each:.0f} bytes each (bound 1040) {'met' if each <= 1040 else 'MISSED'}", flush=True)
        message(server, large)
    finally:
        server.stop()
    ratio(f"CPU a MESSAGE at {large} bindings to {small}", cpu[large], cpu[small], 1.25)


def overload_part(load, options):
    print("Offered more than it can take: what is answered in time, what with 503", flush=True)
    server = Quorate(options.program)
    try:
        load(server, mode="fill", users=options.users, window=256)
        for rate in options.offered:
            result = load(server, mode="mix", users=options.users, new=0.1, rate=rate, seconds=options.seconds)
            taken = round(result["ok"] / result["seconds"])
            refused = round(result.get("status_503", 0) / result["seconds"])
            print(
                f"  offered {rate:6}/s  200: {taken:6}/s  503: {refused:6}/s  p50 {result['p50_ms']:7.1f} ms  "
                f"p99 {result['p99_ms']:7.1f} ms  sent again {result['retransmissions']}  lost {result['lost']}",
                flush=True,
            )
    finally:
        server.stop()


def tls_part(load, options):
    print(f"{options.connections} idle TLS connections (1.3, a P-256 certificate), each answered one keep-alive", flush=True)
    server = Quorate(options.program, tls=True)
    halves = []
    try:
        time.sleep(1)
        before = resident(server.pids)
        for index in range(2):
            halves.append(
                subprocess.Popen(
                    [sys.executable, os.path.join(HERE, "tls.py"), server.secure[0], str(options.connections // 2), str(1 + 100 * index)],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                )
            )
        opened = sum(int((half.stdout.readline().split() or ["", "0"])[1]) for half in halves)
        time.sleep(2)
        each = (resident(server.pids) - before) / max(1, opened)
    finally:
        for half in halves:
            half.kill()
        server.stop()
    met = "met" if opened == options.connections and each <= 40_000 else "MISSED"
    print(f"  = {opened} open, {each:.0f} bytes each (bound: at most 40000) {met}", flush=True)


PARTS = {"tls": tls_part, "cpu": cpu_part, "rate": rate_part, "digest": digest_part, "pool": pool_part, "memory": memory_part, "overload": overload_part}

if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--load", required=True)
    parser.add_argument("--parts", default="cpu,rate,digest,pool,memory,tls,overload")
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rates", default="10000,20000")
    parser.add_argument("--sizes", default="1000,100000,1000000")
    parser.add_argument("--offered", default="10000,20000,30000,40000,50000")
    options = parser.parse_args()
    for name in ["rates", "sizes", "offered"]:
        setattr(options, name, [int(number) for number in getattr(options, name).split(",")])
    print(f"{socket.gethostname()}, {os.cpu_count()} cores, load before: {open('/proc/loadavg').read().strip()}", flush=True)
    for part in options.parts.split(","):
        if part not in PARTS:
            sys.exit(f"no part {part}; there are {', '.join(PARTS)}")
        PARTS[part](Load(options.load), options)

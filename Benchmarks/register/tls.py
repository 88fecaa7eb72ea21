"""Opens TLS connections to a SIP server and keeps them: HOST:PORT, how many, the first source 127.0.1.x. For register.sh.

Says `open N` when all are there and each was answered a keep-alive; ends when its standard input does.
"""
import os
import resource
import socket
import ssl
import sys

# A server takes so many from one address.
EACH = 1_000


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    wanted, base = int(sys.argv[2]), int(sys.argv[3])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    kept = []
    for number in range(wanted):
        raw = socket.socket()
        raw.settimeout(20)
        raw.bind((f"127.0.1.{base + number // EACH}", 0))
        raw.connect((host, int(port)))
        tls = context.wrap_socket(raw)
        # RFC 5626 section 4.4.1: a double CRLF is answered with one.
        tls.send(b"\r\n\r\n")
        if tls.recv(16) != b"\r\n":
            raise SystemExit("a keep-alive was not answered")
        kept.append(tls)
    print(f"open {len(kept)}", flush=True)
    sys.stdin.read()
    os._exit(0)


main()

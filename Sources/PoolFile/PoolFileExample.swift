import Glibc

extension PoolFile {
  /// The commented example that `quorate init` writes: three servers on this machine. It passes `parse`.
  public static let example = """
    # A pool of Front End servers for Quorate. Every line is explained in docs/operating/pool-file.md.
    # 'quorate pool start .' starts it, 'quorate fabric-state .' shows it, 'quorate patch .' patches it.

    pool: demo                      # the pool's name
    domain: example.com             # the SIP domain of its users
    fabric: sqlite:fabric.db        # where the pool keeps its truth; relative to this file
    root: .                         # holds servers/<name>/{releases/<version>/,current,log/,run/}

    groups: 24                      # routing groups; fixed once the pool has started for the first time
    # servers-needed: 2             # how many must stay in service; a majority when left out
    # lease-ttl: 2s                 # how long a silent server is believed in
    # drain-time: 30s               # over how long the clients of a server that goes out are moved
    # replica-restart-wait: 30m     # how long a lost server is waited for before its replicas are built elsewhere

    # registrar:                    # limits, in seconds
    #   min-expires: 60
    #   default-expires: 3600
    #   max-expires: 7200
    #   max-contacts: 32            # of one user
    #   open: false                 # true lets anybody register as anybody although there are users
    # pool-key: pool.key            # a secret that the servers prove to each other; mode 0600

    servers:
      - name: fe1
        sip: 127.0.0.1:5071         # SIP over UDP and TCP
        peer: 127.0.0.1:6071        # for the other servers of the pool
        http: 127.0.0.1:8071        # /health and /metrics
        # tls: {address: "127.0.0.1:5061", certificate: fe1.pem, key: fe1.key}   # SIP over TLS
        # upgrade-domain: ud1       # servers that may be taken out together; its own name when left out
        # service:                  # left out: a keeper process of 'quorate pool start'
        #   start: "systemctl start quorate@fe1"
        #   stop: "systemctl stop quorate@fe1"
        #   status: "systemctl is-active --quiet quorate@fe1"
      - name: fe2
        sip: 127.0.0.1:5072
        peer: 127.0.0.1:6072
        http: 127.0.0.1:8072
      - name: fe3
        sip: 127.0.0.1:5073
        peer: 127.0.0.1:6073
        http: 127.0.0.1:8073

    patch:
      target: "1.1.0"               # a server that runs this version is done
      version: running              # ask the running process; or {command: "…"} that prints it
      # What patches one server, while it is out and stopped. It sees QUORATE_POOL, QUORATE_SERVER, QUORATE_SERVER_DIR,
      # QUORATE_TARGET_VERSION, QUORATE_OLD_VERSION and QUORATE_RUN.
      apply: |
        cd "$QUORATE_SERVER_DIR"
        test -x "releases/$QUORATE_TARGET_VERSION/quorate"
        ln -sfn "releases/$QUORATE_TARGET_VERSION" current
      timeout: 10m
      retries: 0
      reboot: never                 # or 'allowed', with 'reboot-command' and 'boot-id-command'
      # windows: ["Mon-Fri 10:00-16:00 Europe/Berlin"]   # when servers may be taken out
      # server-time: 10m            # how long one may be out, for the windows; left out: as the last runs took
      # stage: "…"                  # runs while the server still serves, for example a download
      # verify: "…"                 # exits 0 when the patched server is good
      # rollback: "…"               # puts the old version back
      # hooks: {before-run: "…", after-run: "…", before-server: "…", after-server: "…"}

    """

  /// Writes `example` to a new file; never overwrites one.
  public static func writeExample(to path: String) throws(PoolFileError) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      if errno == EEXIST {
        throw PoolFileError(
          .exists,
          path: path,
          message: "is there already and is not overwritten; move it away, or name another file"
        )
      }
      throw PoolFileError(
        .unreadable,
        path: path,
        message: "cannot be written: \(String(cString: strerror(errno)))"
      )
    }
    defer { close(descriptor) }
    var rest = Array(example.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw PoolFileError(
          .unreadable,
          path: path,
          message: "cannot be written: \(String(cString: strerror(errno)))"
        )
      }
      rest = rest.dropFirst(count)
    }
  }
}

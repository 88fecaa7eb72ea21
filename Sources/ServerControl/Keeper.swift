import Glibc
public import PoolFile
public import PoolModel

/// The keeper of one server: a detached process that runs the server's program as its child, starts it again when it
/// ends by itself, and stops it when it is told to.
///
/// What ties the three together without guessing: the keeper holds the lock of `run/keeper.pid` for its life; the child
/// inherits the lock of `run/server.pid`, so that it is held exactly as long as the child lives; and the child's
/// standard input is a pipe from the keeper, so that a keeper's death is seen by the child as its end (`--supervised`).
public struct Keeper {
  /// The pool file's path, which the server gets as `--config`.
  public var poolFile: String
  /// Which server.
  public var server: ServerName
  /// Its directory.
  public var directory: ServerDirectory
  /// How long a server may take to end after SIGTERM before it is killed.
  public var stopBound: Duration

  /// A keeper that has not started yet.
  public init(poolFile: String, server: ServerName, directory: ServerDirectory, stopBound: Duration) {
    self.poolFile = poolFile
    self.server = server
    self.directory = directory
    self.stopBound = stopBound
  }

  /// Keeps the server until SIGTERM (the server is stopped gracefully, and killed after `stopBound`) or SIGINT (it is
  /// killed at once). Blocks its thread. Throws `.alreadyKept` when the server has a keeper.
  public func run() throws(ServerControlError) {
    try directory.make()
    // Before the lock is there to be seen: who sees it may signal its holder.
    let signals = try SignalPipe.open([SIGTERM, SIGINT, SIGCHLD, SIGHUP])
    guard let own = try directory.keeperPid.lock() else {
      throw ServerControlError(
        .alreadyKept,
        "server \(server) has a keeper already (process \(directory.keeperPid.holder() ?? 0))"
      )
    }
    own.write(getpid())
    // A core file of the server ends up here, and no directory of whoever started the pool is kept busy.
    _ = chdir(directory.path)
    _ = signal(SIGPIPE, SIG_IGN)
    say("keeps \(server), process \(getpid())")
    unlink(directory.troubleFile)
    unlink(directory.stoppingFile)
    defer { unlink(directory.troubleFile) }
    var backOff = KeeperBackOff()
    while true {
      let started = ContinuousClock.now
      let end = attempt(signals)
      guard case .ended(let how) = end else { break }
      let wait = backOff.next(afterRunning: ContinuousClock.now - started)
      say("\(server) \(how), \(backOff.crashes) in a row; starts again in \(DurationText.text(wait))")
      Files.replace(directory.troubleFile, with: "\(backOff.crashes): \(how)\n")
      if stopAsked(signals, within: wait) { break }
    }
    say("ends")
    // Held to here: the lock is what says that a keeper lives.
    _ = consume own
  }

  private enum End {
    case ended(String)
    case stopped
  }

  /// One life of the child.
  private func attempt(_ signals: Int32) -> End {
    do {
      guard let lock = try lockServer(signals) else { return .stopped }
      return try runChild(lock, signals)
    } catch {
      return .ended("could not be started (\(error))")
    }
  }

  /// The lock that the child will hold. While a server of an earlier keeper lives it is waited for, since it sees its
  /// keeper's end and stops by itself; beyond `stopBound` it is killed. `nil` when a stop was asked for meanwhile.
  private func lockServer(_ signals: Int32) throws(ServerControlError) -> HeldPidFile? {
    let deadline = ContinuousClock.now + stopBound
    var said = false
    while true {
      if let lock = try directory.serverPid.lock() { return lock }
      let holder = directory.serverPid.holder() ?? 0
      if !said { say("waits for process \(holder), which an earlier keeper left behind") }
      said = true
      if ContinuousClock.now >= deadline, holder > 1 { kill(-holder, SIGKILL) }
      if stopAsked(signals, within: .milliseconds(100)) { return nil }
    }
  }

  private func runChild(_ lock: borrowing HeldPidFile, _ signals: Int32) throws(ServerControlError) -> End {
    Files.rotate(directory.serverLog)
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw .system("cannot make a pipe") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[1]) }
    let child = ChildProcess(
      program: directory.program,
      arguments: ["frontend", "--config", poolFile, "--server", server.rawValue, "--supervised"],
      standardInput: ends[0],
      log: directory.serverLog,
      inherited: lock.descriptor,
      newSession: false
    )
    let process: pid_t
    do { process = try child.spawn() } catch {
      close(ends[0])
      throw error
    }
    close(ends[0])
    lock.write(process)
    say("started \(server), process \(process)")
    return watch(process, signals)
  }

  /// Waits for the child's end, and passes a stop on to it.
  private func watch(_ process: pid_t, _ signals: Int32) -> End {
    var killAt: ContinuousClock.Instant?
    var steadyAt: ContinuousClock.Instant? = .now + KeeperBackOff.steady
    while true {
      var status: Int32 = 0
      if waitpid(process, &status, WNOHANG) == process {
        // Whatever it may have started must not live on beside the next one.
        kill(-process, SIGKILL)
        let how = Self.describe(status)
        if killAt == nil { return .ended(how) }
        say("\(server) \(how)")
        return .stopped
      }
      if let at = killAt, ContinuousClock.now >= at {
        say("\(server) did not end; kills it")
        kill(-process, SIGKILL)
        killAt = .now + .seconds(60)
      }
      if let at = steadyAt, ContinuousClock.now >= at {
        unlink(directory.troubleFile)
        steadyAt = nil
      }
      let next = [killAt, steadyAt].compactMap(\.self).min()
      let wait = next.map { max(0, min(10_000, ($0 - .now).milliseconds)) } ?? -1
      for number in SignalPipe.wait(signals, milliseconds: Int32(wait)) {
        if number == SIGTERM, killAt == nil {
          say("stops \(server)")
          killAt = .now + stopBound
          kill(-process, SIGTERM)
        } else if number == SIGINT {
          killAt = .now
        }
      }
    }
  }

  /// Waits; whether SIGTERM or SIGINT came meanwhile. SIGHUP ends the wait.
  private func stopAsked(_ signals: Int32, within time: Duration) -> Bool {
    let deadline = ContinuousClock.now + time
    while ContinuousClock.now < deadline {
      let wait = max(1, min(1000, (deadline - .now).milliseconds))
      let came = SignalPipe.wait(signals, milliseconds: Int32(wait))
      if came.contains(where: { $0 == SIGTERM || $0 == SIGINT }) { return true }
      if came.contains(SIGHUP) { return false }
    }
    return false
  }

  /// How a child ended, from `waitpid`'s status.
  static func describe(_ status: Int32) -> String {
    let number = status & 0x7F
    return number == 0 ? "ended with exit code \((status >> 8) & 0xFF)" : "was ended by signal \(number)"
  }

  /// A line of the keeper's log, which is its standard output.
  private func say(_ text: String) {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    var parts = tm()
    gmtime_r(&now.tv_sec, &parts)
    var bytes = [CChar](repeating: 0, count: 32)
    strftime(&bytes, bytes.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
    let time = bytes.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    let line = Array("\(time) keeper: \(text)\n".utf8)
    _ = write(1, line, line.count)
  }
}

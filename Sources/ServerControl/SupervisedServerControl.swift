import Glibc
public import PoolDriving
public import PoolFile
public import PoolModel

/// Starts and stops servers of this machine through keepers (`quorate pool start`).
public struct SupervisedServerControl: ServerControlling {
  /// The pool.
  public let file: PoolFile
  /// The program that keepers run from; absolute.
  public let program: String
  /// How long a server may take to end after SIGTERM before its keeper kills it.
  public let stopBound: Duration

  /// A control for the supervised servers of a pool.
  /// - Parameter program: what keepers are started from: this process's own program when `nil`.
  public init(_ file: PoolFile, program: String? = nil, stopBound: Duration = .seconds(30))
    throws(ServerControlError)
  {
    self.file = file
    self.program = if let program { program } else { try ReleaseInstaller.runningProgram() }
    self.stopBound = stopBound
  }

  /// Starts a keeper, and through it the server. Returns once the server's process is there.
  public func start(_ server: ServerName, deadline: ContinuousClock.Instant) async throws(PoolDriverError) {
    let directory = try directory(server)
    if directory.serverPid.holder() != nil, directory.keeperPid.holder() != nil { return }
    guard ReleaseInstaller(directory).hasCurrent else {
      throw PoolDriverError(
        .failed,
        "server \(server) has no program at \(directory.program); install a release there, or run 'quorate pool start', "
          + "which installs its own"
      )
    }
    var keeper: pid_t?
    var known = 0
    if let waiting = directory.keeperPid.holder() {
      // It may be in the pause after a crash: SIGHUP ends that.
      known = directory.trouble?.count ?? 0
      if waiting > 1 { kill(waiting, SIGHUP) }
    } else {
      keeper = try startKeeper(server, directory)
    }
    while directory.serverPid.holder() ?? 0 == 0 || directory.keeperPid.holder() == nil {
      if let process = keeper, waitpid(process, nil, WNOHANG) == process {
        keeper = nil
        // Another one may have been faster; then there is a keeper all the same.
        guard directory.keeperPid.holder() != nil else {
          throw PoolDriverError(
            .failed,
            "the keeper of server \(server) ended at once: \(Files.tail(directory.keeperLog, lines: 1)) "
              + "(\(directory.keeperLog))"
          )
        }
      }
      if let trouble = directory.trouble, trouble.count >= max(3, known + 1) {
        throw PoolDriverError(
          .failed,
          "server \(server) does not start: \(trouble) (\(directory.serverLog)); its keeper goes on trying"
        )
      }
      guard ContinuousClock.now < deadline else {
        throw PoolDriverError(
          .timedOut,
          "server \(server) did not start in time; see \(directory.keeperLog) and \(directory.serverLog)"
        )
      }
      try await pause(.milliseconds(10))
    }
  }

  /// Stops the keeper, which stops the server: SIGTERM first, by force when the deadline nears.
  public func stop(_ server: ServerName, deadline: ContinuousClock.Instant) async throws(PoolDriverError) {
    let directory = try directory(server)
    let left = deadline - .now
    let forceAt = deadline - min(.seconds(5), left / 5)
    var askedKeeper: pid_t = 0
    var forced = false
    while true {
      let keeper = directory.keeperPid.holder()
      let process = directory.serverPid.holder()
      if keeper == nil, process == nil { return }
      if let keeper, keeper > 1, keeper != askedKeeper {
        kill(keeper, SIGTERM)
        askedKeeper = keeper
      } else if keeper == nil, let process, process > 1, process != askedKeeper {
        // The keeper was killed: its server stops by itself when it sees that, and is told so too.
        kill(process, SIGTERM)
        askedKeeper = process
      }
      if !forced, ContinuousClock.now >= forceAt {
        forced = true
        if let keeper, keeper > 1 { kill(keeper, SIGINT) }
        if let process, process > 1 { kill(-process, SIGKILL) }
      }
      guard ContinuousClock.now < deadline else {
        throw PoolDriverError(
          .timedOut,
          "server \(server) did not end in time (keeper \(keeper ?? 0), process \(process ?? 0))"
        )
      }
      try await pause(.milliseconds(10))
      if let keeper { waitpid(keeper, nil, WNOHANG) }
    }
  }

  /// Whether the server's own process lives, kept or not.
  public func isRunning(_ server: ServerName) async throws(PoolDriverError) -> Bool {
    try directory(server).serverPid.holder() != nil
  }

  private func directory(_ server: ServerName) throws(PoolDriverError) -> ServerDirectory {
    guard file.server(server) != nil else {
      throw PoolDriverError(.unknownServer, "no server \(server) in \(file.path)")
    }
    return file.directory(of: server)
  }

  private func startKeeper(_ server: ServerName, _ directory: ServerDirectory) throws(PoolDriverError)
    -> pid_t
  {
    do {
      try directory.make()
      Files.rotate(directory.keeperLog)
      // Left by a keeper that was killed: nothing it says holds any more.
      unlink(directory.troubleFile)
      return try ChildProcess(
        program: program,
        arguments: [
          "keep", "--config", file.path, "--server", server.rawValue,
          "--stop-bound", DurationText.text(stopBound),
        ],
        standardInput: nil,
        log: directory.keeperLog,
        inherited: nil,
        newSession: true
      ).spawn()
    } catch {
      throw PoolDriverError(.failed, "server \(server): \(error)")
    }
  }
}

/// Sleeps; a cancelled task ends with `.failed`.
func pause(_ time: Duration) async throws(PoolDriverError) {
  do { try await Task.sleep(for: time) } catch { throw PoolDriverError(.failed, "cancelled") }
}

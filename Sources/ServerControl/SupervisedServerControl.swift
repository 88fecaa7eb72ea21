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
  @discardableResult public func start(
    _ server: ServerName,
    act: ActIdentity?,
    deadline: ContinuousClock.Instant
  )
    async throws(PoolDriverError) -> ServerStart
  {
    let directory = try directory(server)
    guard ReleaseInstaller(directory).hasCurrent else {
      throw PoolDriverError(
        .failed,
        "server \(server) has no program at \(directory.program); install a release there, or run 'quorate pool start', "
          + "which installs its own"
      )
    }
    let known = directory.keeperPid.holder() == nil ? 0 : directory.trouble?.count ?? 0
    do throws(ServerControlError) { try directory.make() } catch {
      throw PoolDriverError(.failed, "server \(server): \(error)")
    }
    Files.rotate(directory.keeperLog)
    let outcome = try await perform(KeeperScript.start, "start", server, .act(act), deadline)
    guard outcome.succeeded else {
      throw PoolDriverError(.failed, "the keeper of server \(server) \(outcome.how): \(outcome.output)")
    }
    if outcome.output.contains(KeeperScript.ranAlready) { return .ranAlready }
    try await comesUp(server, directory, knownTroubles: known, deadline)
    return .started
  }

  /// Waits until the server's process is there.
  private func comesUp(
    _ server: ServerName,
    _ directory: ServerDirectory,
    knownTroubles known: Int,
    _ deadline: ContinuousClock.Instant
  ) async throws(PoolDriverError) {
    var keeperSeen = ContinuousClock.now
    while true {
      let keeper = directory.keeperPid.holder()
      if keeper != nil, directory.serverPid.holder() ?? 0 > 0 { return }
      if keeper != nil { keeperSeen = .now }
      guard keeperSeen + .seconds(3) > .now else {
        throw PoolDriverError(
          .failed,
          "the keeper of server \(server) ended at once: \(Files.tail(directory.keeperLog, lines: 1)) "
            + "(\(directory.keeperLog))"
        )
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
  public func stop(_ server: ServerName, act: ActIdentity?, deadline: ContinuousClock.Instant)
    async throws(PoolDriverError)
  {
    let directory = try directory(server)
    let outcome = try await perform(KeeperScript.stop, "stop", server, .act(act), deadline)
    guard outcome.succeeded else {
      throw PoolDriverError(
        .timedOut,
        "server \(server) did not end in time (keeper \(directory.keeperPid.holder() ?? 0), "
          + "process \(directory.serverPid.holder() ?? 0))"
      )
    }
  }

  /// Shuts older acts out; completes a stop that one of them had begun.
  public func fence(_ server: ServerName, act: ActIdentity, deadline: ContinuousClock.Instant)
    async throws(PoolDriverError)
  {
    let outcome = try await perform(KeeperScript.fence, "fence", server, .act(act), deadline)
    guard outcome.succeeded else {
      throw PoolDriverError(
        .refused,
        "an older act was stopping server \(server); it does not run now: start it first"
      )
    }
  }

  /// Runs a script about a server's keeper.
  private func perform(
    _ script: String,
    _ what: String,
    _ server: ServerName,
    _ whose: ServerMachine.Whose,
    _ deadline: ContinuousClock.Instant
  ) async throws(PoolDriverError) -> ServerMachine.Outcome {
    let directory = try directory(server)
    let left = max(deadline - .now, .zero)
    let hard = min(.seconds(5), left / 5)
    return try await ServerMachine(file: file).run(
      script,
      on: server,
      whose,
      what: what,
      environment: [
        "QUORATE_RUN_DIR": directory.run, "QUORATE_PROGRAM": program, "QUORATE_CONFIG": file.path,
        "QUORATE_KEEPER_LOG": directory.keeperLog, "QUORATE_STOP_BOUND": DurationText.text(stopBound),
        "QUORATE_SOFT": Self.seconds(left - hard), "QUORATE_HARD": Self.seconds(hard),
      ],
      // The script has its own bounds; this one is for a machine that hangs.
      deadline: deadline + .seconds(2)
    )
  }

  private static func seconds(_ time: Duration) -> String {
    let milliseconds = time.milliseconds
    let rest = "\(milliseconds % 1_000)"
    return "\(milliseconds / 1_000).\(String(repeating: "0", count: 3 - rest.count))\(rest)"
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
}

/// Sleeps; a cancelled task ends with `.failed`.
func pause(_ time: Duration) async throws(PoolDriverError) {
  do { try await Task.sleep(for: time) } catch { throw PoolDriverError(.failed, "cancelled") }
}

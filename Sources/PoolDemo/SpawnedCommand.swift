import Glibc

/// How a child process ended, and what it wrote.
public struct CommandResult: Sendable {
  /// The command line, for messages.
  public var command: String
  /// Its exit code; 128 plus the signal's number when a signal ended it, as a shell says it.
  public var exitCode: Int32
  /// Its standard output.
  public var output: String
  /// Its standard error.
  public var errors: String
  /// How long it ran.
  public var took: Duration

  /// All of it, for a test's failure message.
  public var description: String {
    "\(command)\nexit \(exitCode) after \(took)\n--- stdout\n\(output)\n--- stderr\n\(errors)"
  }
}

/// A child process in a process group of its own, with its output in files: nothing blocks when nobody reads it, and what
/// it wrote is there after a kill.
public final class SpawnedCommand: Sendable {
  /// The child's process id.
  public let pid: pid_t
  /// The file its standard output goes to.
  public let outputPath: String
  /// The file its standard error goes to.
  public let errorsPath: String
  private let command: String
  private let began: ContinuousClock.Instant

  /// Starts `program`.
  /// - Parameters:
  ///   - logs: the directory for its output files.
  ///   - tag: makes their names.
  ///   - environment: added to ours.
  public init(
    _ program: String,
    _ arguments: [String],
    logs: String,
    tag: String,
    environment: [String: String] = [:]
  ) throws(DemoError) {
    outputPath = "\(logs)/\(tag).out"
    errorsPath = "\(logs)/\(tag).err"
    command = ([program] + arguments).joined(separator: " ")
    began = .now
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, outputPath, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    posix_spawn_file_actions_addopen(&actions, 2, errorsPath, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes,
      Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF)
    )
    var child = pid_t()
    let error = Self.withCStrings([program] + arguments) { argv in
      Self.withCStrings(Self.environment(adding: environment)) { envp in
        posix_spawn(&child, program, &actions, &attributes, argv, envp)
      }
    }
    guard error == 0 else {
      throw DemoError("cannot start \(program): \(String(cString: strerror(error)))")
    }
    pid = child
  }

  /// Waits for its end; kills it and its group after `timeout` from now or when the task is cancelled.
  public func end(within timeout: Duration) async -> CommandResult {
    let deadline = ContinuousClock.now + timeout
    var isKilled = false
    while true {
      var status: Int32 = 0
      let answer = waitpid(pid, &status, WNOHANG)
      if answer == pid || (answer < 0 && errno != EINTR) {
        return result(status, isGone: answer < 0, timedOut: isKilled)
      }
      if !isKilled, ContinuousClock.now > deadline || Task.isCancelled {
        signal(SIGKILL)
        isKilled = true
      }
      // Not cancelled: a killed child has to be reaped too.
      await Self.nap()
    }
  }

  /// Sends a signal to the child and all its children that stayed in its group.
  public func signal(_ number: Int32) {
    // The group alone: the child is in it, and a signal that came twice is two signals to some programs (SIPp).
    kill(-pid, number)
  }

  private static func nap() async {
    await Task.detached { try? await Task.sleep(for: .milliseconds(4)) }.value
  }

  private func result(_ status: Int32, isGone: Bool, timedOut: Bool) -> CommandResult {
    // The macros WIFEXITED and so on are not visible from Swift.
    let signalled = status & 0x7f
    let code = isGone ? -1 : signalled == 0 ? (status >> 8) & 0xff : 128 + signalled
    var errors = TextFile.read(errorsPath) ?? ""
    if timedOut { errors += "\n(killed: it took longer than it may, or was cancelled)" }
    return CommandResult(
      command: command,
      exitCode: code,
      output: TextFile.read(outputPath) ?? "",
      errors: errors,
      took: ContinuousClock.now - began
    )
  }

  private static func environment(adding more: [String: String]) -> [String] {
    var result: [String] = []
    var place = environ
    while let entry = place.pointee {
      let text = String(cString: entry)
      let name = text.prefix { $0 != "=" }
      if more[String(name)] == nil, name != "SWIFT_BACKTRACE" { result.append(text) }
      place += 1
    }
    // A crash's backtrace takes seconds to print.
    return result + more.map { "\($0.key)=\($0.value)" } + ["SWIFT_BACKTRACE=enable=no"]
  }

  private static func withCStrings<Result>(
    _ strings: [String],
    _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
  ) -> Result {
    let copies: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
    defer { for copy in copies { free(copy) } }
    return body(copies)
  }
}

/// Why the demo, or a pool made for a test, could not go on.
public struct DemoError: Error, Sendable, CustomStringConvertible {
  /// What, where, and what to do.
  public var message: String

  /// An error.
  public init(_ message: String) { self.message = message }

  /// The message alone.
  public var description: String { message }
}

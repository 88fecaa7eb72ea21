import Glibc
import Subprocess
import Synchronization
import SystemPackage

/// One shell command on a server's machine, in a process group of its own, so that a time-out ends its grandchildren too.
public struct TargetCommand: Sendable {
  /// What `/bin/sh -c` is given.
  public var line: String
  /// Added to the environment.
  public var environment: [String: String]
  /// Where it runs; `nil` for where the caller does.
  public var directory: String?
  /// How long it may take; then its whole process group is killed.
  public var timeout: Duration
  /// What it goes through first; `nil` for what only reads.
  public var fence: TargetFence?
  /// The machine; `nil` for this one.
  public var host: SSHHost?

  /// A command.
  public init(
    _ line: String,
    environment: [String: String] = [:],
    directory: String? = nil,
    timeout: Duration,
    fence: TargetFence? = nil,
    host: SSHHost? = nil
  ) {
    self.line = line
    self.environment = environment
    self.directory = directory
    self.timeout = timeout
    self.fence = fence
    self.host = host
  }

  /// Runs it to its end.
  /// - Parameter output: gets each line of its output and errors. What processes print that it leaves behind is not waited
  ///   for.
  public func run(_ output: @escaping @Sendable (String) -> Void) async -> ActEnding {
    let last = Mutex("")
    let tell: @Sendable (String) -> Void = { text in
      last.withLock { $0 = text }
      output(text)
    }
    let ending = if let host { await run(on: host, tell) } else { await runHere(tell) }
    let said = last.withLock { $0 }
    return fence == nil ? ending : Self.refusal(ending, said) ?? ending
  }

  /// What the fence's script said, if it was that which ended.
  private static func refusal(_ ending: ActEnding, _ said: String) -> ActEnding? {
    if ending == .exited(FenceScript.fencedCode), said.hasPrefix(FenceScript.fencedMark) {
      return .fenced(String(said.dropFirst(FenceScript.fencedMark.count)))
    }
    if ending == .exited(FenceScript.busyCode), said.hasPrefix(FenceScript.busyMark) {
      return .busy(String(said.dropFirst(FenceScript.busyMark.count)))
    }
    return nil
  }

  private func runHere(_ output: @escaping @Sendable (String) -> Void) async -> ActEnding {
    var values: [Environment.Key: String?] = [:]
    for (key, value) in environment.merging(fence?.environment ?? [:], uniquingKeysWith: { $1 }) {
      if let key = Environment.Key(rawValue: key) { values[key] = value }
    }
    let words = fence == nil ? ["-c", line] : ["-c", FenceScript.text, "sh", line]
    let process = Configuration(
      executable: .path("/bin/sh"),
      arguments: Arguments(words),
      environment: .inherit.updating(values),
      workingDirectory: directory.map { FilePath($0) }
    )
    return await Self.start(process, input: "", timeout: timeout, output)
  }

  /// Starts a process of this machine and waits for its end.
  static func start(
    _ process: Configuration,
    input: String,
    timeout: Duration,
    _ output: @escaping @Sendable (String) -> Void
  ) async -> ActEnding {
    var process = process
    var options = PlatformOptions()
    options.processGroupID = 0
    options.teardownSequence = [
      .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .milliseconds(1))
    ]
    process.platformOptions = options
    let isLate = Flag()
    // From the call on: starting a process takes its time on a busy machine.
    let end = ContinuousClock.now + timeout
    do {
      let result = try await Subprocess.run(
        process,
        input: .string(input),
        output: .sequence,
        error: .combinedWithOutput
      ) { execution in
        let group = execution.processIdentifier.value
        let timer = Task {
          try await Task.sleep(until: end, clock: .continuous)
          isLate.raise()
          // The group's number is the child's own: it cannot be reused while the child is not waited for.
          kill(-group, SIGKILL)
        }
        defer { timer.cancel() }
        var lines = OutputLines()
        do {
          for try await bytes in execution.standardOutput {
            bytes.withUnsafeBytes { lines.take($0, output) }
          }
        } catch { output("(output unreadable: \(error))") }
        lines.end(output)
      }
      if isLate.isUp { return .timedOut }
      if Task.isCancelled { return .cancelled }
      switch result.terminationStatus {
      case .exited(let code): return .exited(Int32(code))
      case .signaled(let signal): return .signaled(Int32(signal))
      }
    } catch {
      if Task.isCancelled { return .cancelled }
      return .notStarted("\(error)")
    }
  }
}

/// Something that happened, told between tasks.
final class Flag: Sendable {
  private let value = Atomic(false)

  func raise() { value.store(true, ordering: .sequentiallyConsistent) }

  var isUp: Bool { value.load(ordering: .sequentiallyConsistent) }
}

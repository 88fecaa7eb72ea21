import Glibc
import PoolModel
import Subprocess
import Synchronization
import SystemPackage

/// Something that happened, told between tasks.
final class Flag: Sendable {
  private let value = Atomic(false)

  func raise() { value.store(true, ordering: .sequentiallyConsistent) }

  var isUp: Bool { value.load(ordering: .sequentiallyConsistent) }
}

/// One shell command in a process group of its own, so that a time-out ends its grandchildren too.
struct ShellProcess: Sendable {
  /// How a command ended.
  enum Ending: Hashable, Sendable {
    /// With this code.
    case exited(Int32)
    /// By this signal, not ours.
    case signaled(Int32)
    /// Its time ran out and its group was killed.
    case timedOut
    /// It could not be started.
    case notStarted(String)
    /// The task was cancelled and its group was killed.
    case cancelled
  }

  /// What `/bin/sh -c` is given, and its own arguments.
  var script: String
  var arguments: [String] = []
  var environment: [String: String] = [:]
  var directory: String?
  var timeout: Duration

  /// Runs it to its end. `line` gets each line of its output and errors.
  func run(_ line: @escaping @Sendable (String) -> Void) async -> Ending {
    var options = PlatformOptions()
    options.processGroupID = 0
    options.teardownSequence = [
      .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .milliseconds(1))
    ]
    var values: [Environment.Key: String?] = [:]
    for (key, value) in environment { if let key = Environment.Key(rawValue: key) { values[key] = value } }
    let timedOut = Flag()
    let timeout = timeout
    do {
      let result = try await Subprocess.run(
        .path("/bin/sh"),
        arguments: Arguments(["-c", script, "sh"] + arguments),
        environment: .inherit.updating(values),
        workingDirectory: directory.map { FilePath($0) },
        platformOptions: options,
        input: .none,
        output: .sequence,
        error: .combinedWithOutput
      ) { execution in
        let group = execution.processIdentifier.value
        let timer = Task {
          try await Task.sleep(for: timeout)
          timedOut.raise()
          // The group's number is the child's own: it cannot be reused while the child is not waited for.
          kill(-group, SIGKILL)
        }
        defer { timer.cancel() }
        do {
          for try await text in execution.standardOutput.strings() { line(text) }
        } catch { line("(output unreadable: \(error))") }
      }
      if timedOut.isUp { return .timedOut }
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

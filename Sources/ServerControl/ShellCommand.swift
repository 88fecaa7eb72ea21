import Glibc
import Subprocess
import SystemPackage

/// A shell command with a deadline. It runs in a process group of its own, and the whole group is killed at the deadline:
/// killing the shell alone would leave what it started.
struct ShellCommand {
  enum Failure: Error {
    case timedOut
  }

  struct Result {
    /// The exit code; `nil` when a signal ended it.
    var code: Int32?
    /// The end of what it wrote, at most `outputLimit` bytes.
    var output: String
  }

  static let outputLimit = 4096

  var command: String
  var environment: [String: String]
  var directory: String

  func run(until deadline: ContinuousClock.Instant) async throws -> Result {
    var options = PlatformOptions()
    options.processGroupID = 0
    options.teardownSequence = [
      .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: .milliseconds(500)),
      .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .milliseconds(1)),
    ]
    let variables = environment.map { (Environment.Key(stringLiteral: $0.key), Optional($0.value)) }
    let configuration = Configuration(
      executable: .path("/bin/sh"),
      arguments: ["-c", command],
      environment: .inherit.updating(Dictionary(uniqueKeysWithValues: variables)),
      workingDirectory: FilePath(directory),
      platformOptions: options
    )
    // A file and not a pipe: what the command leaves running may keep a pipe open for ever.
    let log = try Self.temporaryFile()
    defer { try? log.close() }
    return try await withThrowingTaskGroup(of: TerminationStatus?.self) { group in
      group.addTask {
        try await Subprocess.run(
          configuration,
          input: .none,
          output: .fileDescriptor(log, closeAfterSpawningProcess: false),
          error: .combinedWithOutput
        ).terminationStatus
      }
      group.addTask {
        try await Task.sleep(until: deadline, clock: .continuous)
        return nil
      }
      defer { group.cancelAll() }
      guard let first = try await group.next(), let status = first else { throw Failure.timedOut }
      let output = Self.tail(log)
      if case .exited(let code) = status { return Result(code: code, output: output) }
      return Result(code: nil, output: output)
    }
  }

  private static func temporaryFile() throws -> FileDescriptor {
    let directory = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var path = Array("\(directory)/quorate-XXXXXX".utf8CString)
    let descriptor = mkstemp(&path)
    guard descriptor >= 0 else { throw ServerControlError.system("cannot write in \(directory)") }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    unlink(path)
    return FileDescriptor(rawValue: descriptor)
  }

  private static func tail(_ log: FileDescriptor) -> String {
    let size = lseek(log.rawValue, 0, SEEK_END)
    var bytes = [UInt8](repeating: 0, count: outputLimit)
    let count = pread(log.rawValue, &bytes, bytes.count, max(0, size - off_t(outputLimit)))
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }
}

import PoolDriving
import PoolFile
import PoolModel
import Synchronization
import TargetActs

/// Runs commands that start, stop and look at servers, on the servers' machines and through their fences.
struct ServerMachine: Sendable {
  /// The pool.
  let file: PoolFile

  /// What came of a command.
  struct Outcome: Sendable {
    /// How it ended.
    var ending: ActEnding
    /// The end of what it printed.
    var output: String

    /// Whether it exited 0.
    var succeeded: Bool { ending == .exited(0) }

    /// `ended with exit code 3`, for messages.
    var how: String {
      switch ending {
      case .exited(let code): "ended with exit code \(code)"
      case .signaled(let signal): "was ended by signal \(signal)"
      case .notStarted(let why): "could not be started: \(why)"
      case .timedOut, .cancelled, .fenced, .busy, .unreachable, .denied: "did not end"
      }
    }
  }

  /// Whose a command is.
  enum Whose: Sendable {
    /// It only reads: there is no fence.
    case nobodys
    /// An act, or what belongs to no run.
    case act(ActIdentity?)
  }

  /// Runs a command until `deadline`. Throws what is no answer of the command itself.
  func run(
    _ line: String,
    on server: ServerName,
    _ whose: Whose,
    what: String,
    environment: [String: String] = [:],
    deadline: ContinuousClock.Instant
  ) async throws(PoolDriverError) -> Outcome {
    let host = file.host(of: server)
    var command = TargetCommand(
      line,
      environment: environment.merging(
        [
          "QUORATE_POOL": file.pool.rawValue, "QUORATE_SERVER": server.rawValue,
          "QUORATE_SERVER_DIR": host == nil ? file.directory(of: server).path : host?.directory ?? "",
        ],
        uniquingKeysWith: { $1 }
      ),
      directory: file.root,
      timeout: max(deadline - .now, .milliseconds(1)),
      host: host
    )
    if case .act(let act) = whose {
      command.fence = TargetFence(
        in: file.fenceDirectory(of: server),
        pool: file.pool,
        server: server,
        act: act
      )
    }
    let last = Mutex(Tail())
    let ending = await command.run { text in last.withLock { $0.add(text) } }
    switch ending {
    case .fenced(let why):
      throw PoolDriverError(.fenced, "a newer coordinator acts on \(server): \(why)")
    case .busy(let why): throw PoolDriverError(.timedOut, "the \(what) of server \(server): \(why)")
    case .timedOut:
      throw PoolDriverError(
        .timedOut,
        "the \(what) of server \(server) took too long and was killed: \(line)"
      )
    case .cancelled: throw PoolDriverError(.failed, "cancelled")
    case .notStarted(let why):
      throw PoolDriverError(.failed, "the \(what) of server \(server) could not be started: \(why)")
    case .unreachable(let why): throw PoolDriverError(.unreachable, "server \(server): \(why)")
    case .denied(let why): throw PoolDriverError(.refused, "server \(server): \(why)")
    case .exited, .signaled: return Outcome(ending: ending, output: last.withLock(\.text))
    }
  }
}

/// The last lines of an output, at most 4 KiB.
private struct Tail {
  private var lines: [String] = []
  private var size = 0

  mutating func add(_ line: String) {
    let line = String(line.suffix(1_000))
    lines.append(line)
    size += line.utf8.count
    while size > 4_096, lines.count > 1 { size -= lines.removeFirst().utf8.count }
  }

  var text: String { lines.joined(separator: "\n") }
}

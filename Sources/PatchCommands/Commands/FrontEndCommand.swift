import ArgumentParser
import FabricStore
import FrontEnd
import Glibc
import Logging
import PatchRun
import PoolFile
import PoolModel

/// `quorate frontend`: one Front End server in this process.
struct FrontEndCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "frontend",
    abstract: "Run one Front End server in this process, until SIGTERM stops it gracefully.",
    discussion: "Usually 'quorate pool start' runs it. The log goes to standard error."
  )

  @Option(
    help: ArgumentHelp("The pool file (left out: ./pool.yaml, else $QUORATE_POOL_FILE).", valueName: "file")
  )
  var config: String?

  @Option(help: ArgumentHelp("Which of its servers.", valueName: "server"))
  var server: String

  @Flag(help: "End when standard input ends: it is a pipe from a keeper.")
  var supervised = false

  @Option(help: ArgumentHelp("Log level: trace, debug, info, notice, warning, error.", valueName: "level"))
  var logLevel = "info"

  func validate() throws {
    guard Logger.Level(rawValue: logLevel) != nil else {
      throw ValidationError("'\(logLevel)' is no log level.")
    }
  }

  func run() async throws {
    let file = try PoolConnection.file(config)
    let name = try file.known(server)
    var logger = Logger(label: "quorate.frontend") { StreamLogHandler.standardError(label: $0) }
    logger.logLevel = Logger.Level(rawValue: logLevel) ?? .info
    let configuration = try FrontEndSettings(file, name).configuration()
    let store = try await FabricOpening.open(file, create: true, near: name, logger: logger)
    do {
      try FabricMemory(file, name).check(try await store.identity)
    } catch {
      await store.close()
      throw error
    }
    let server = FrontEndServer(configuration: configuration, store: store, logger: logger)
    if supervised { KeeperWatch.onEnd { server.stop() } }
    let result: Result<Void, FrontEndError>
    do throws(FrontEndError) {
      try await server.run()
      result = .success(())
    } catch {
      result = .failure(error)
    }
    await store.close()
    do { try result.get() } catch { throw CommandFailure(error, server: name) }
  }
}

/// Sees the end of the keeper that started this process: the other end of the pipe on standard input.
enum KeeperWatch {
  /// Calls `action` once when standard input ends. A thread of its own waits for that.
  static func onEnd(_ action: @escaping @Sendable () -> Void) {
    let box = Unmanaged.passRetained(Box(action))
    var thread = pthread_t()
    let failed = pthread_create(
      &thread,
      nil,
      { context in
        guard let context else { return nil }
        let box = Unmanaged<Box>.fromOpaque(context).takeRetainedValue()
        var byte: UInt8 = 0
        while true {
          let count = read(0, &byte, 1)
          if count > 0 || (count < 0 && errno == EINTR) { continue }
          break
        }
        box.action()
        return nil
      },
      box.toOpaque()
    )
    if failed != 0 { box.release() } else { pthread_detach(thread) }
  }

  private final class Box: Sendable {
    let action: @Sendable () -> Void
    init(_ action: @escaping @Sendable () -> Void) { self.action = action }
  }
}

extension CommandFailure {
  /// Why a server could not run.
  init(_ error: FrontEndError, server: ServerName) {
    let code: PatchRun.ExitCode =
      switch error.code {
      case .configuration: .badFile
      case .addressInUse, .cannotListen, .fabric: .unreachable
      }
    self.init(code, "server \(server): \(error.message)")
  }
}

import Glibc
import PatchRun
import ServerControl

/// Ctrl-C and SIGTERM during a run: the run is left so that it can be resumed, and the exit code says so.
enum Interruption {
  /// Runs `body`, cancels it at the first signal, and ends the process at the second.
  static func during<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws
    -> Result
  {
    let signals = try SignalPipe.open([SIGINT, SIGTERM])
    let work = Task { try await body() }
    let watch = Task.detached {
      var count = 0
      while !Task.isCancelled {
        count += SignalPipe.received(signals)
        if count == 1 { work.cancel() }
        if count > 1 { _exit(PatchRun.ExitCode.stopped.rawValue) }
        try? await Task.sleep(for: .milliseconds(50))
      }
      return count
    }
    let result = await work.result
    watch.cancel()
    let wasInterrupted = await watch.value > 0
    do {
      return try result.get()
    } catch {
      guard wasInterrupted else { throw error }
      throw CommandFailure(
        .stopped,
        "interrupted; the same command goes on from here, 'quorate runs abort' gives up"
      )
    }
  }
}

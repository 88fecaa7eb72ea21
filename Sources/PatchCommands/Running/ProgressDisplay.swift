import Glibc
import PatchEngine
import PatchRun
import PoolModel
import Synchronization

/// Shows a run while it goes on: a table that is drawn over in a terminal, lines or JSON lines otherwise.
final class ProgressDisplay: Sendable {
  private struct State {
    var table = ProgressTable()
    var drawn = 0
    var lastEvent: PoolTime?
    var lastEventSeen: ContinuousClock.Instant = .now
    var isClosed = false
  }

  private let style: ProgressStyle
  private let state = Mutex(State())

  /// A display as the options ask for it.
  init(_ options: OutputOptions) {
    style =
      switch options.progress {
      case .auto: options.json || !Terminal.isInteractive ? .lines : .table
      case let asked: asked
      }
    toErrors = options.json
  }

  /// Whether lines go to standard error, since standard output is for the document.
  private let toErrors: Bool

  /// Shows one piece of news.
  func show(_ event: RunEvent) {
    switch style {
    case .none: return
    case .json:
      if let line = try? JSONText.line(["event": event]) { Terminal.write(line) }
    case .lines, .auto:
      let line = ProgressLine.text(event) + "\n"
      if toErrors { Terminal.writeError(line) } else { Terminal.write(line) }
    case .table:
      state.withLock { state in
        state.table.apply(event)
        state.lastEvent = event.at
        state.lastEventSeen = .now
        Self.draw(&state)
      }
    }
  }

  /// Draws a table again every second, for its times, while `body` runs; then leaves it as it stands.
  func during<Result: Sendable>(_ body: () async throws -> Result) async throws -> Result {
    guard style == .table else { return try await body() }
    let ticker = Task { [self] in
      while !Task.isCancelled {
        try? await Task.sleep(for: .seconds(1))
        state.withLock { state in if !state.isClosed, state.drawn > 0 { Self.draw(&state) } }
      }
    }
    defer {
      ticker.cancel()
      state.withLock { $0.isClosed = true }
    }
    return try await body()
  }

  private static func draw(_ state: inout State) {
    guard let last = state.lastEvent else { return }
    let size = Terminal.size
    // Pool time is only known from the news: what passed since then is measured here.
    let now = last + (ContinuousClock.now - state.lastEventSeen)
    let lines = state.table.lines(at: now, width: size.columns).suffix(max(1, size.rows - 1))
    let up = state.drawn > 0 ? "\u{1B}[\(state.drawn)A" : ""
    Terminal.write(up + "\r\u{1B}[J" + lines.joined(separator: "\n") + "\n")
    state.drawn = lines.count
  }
}

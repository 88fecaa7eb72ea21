import Glibc
import Synchronization

/// Ctrl-C and SIGTERM as something that a task can wait for. The first one asks for an orderly end; with the second the
/// system's own behaviour is back, so that a person is never stuck.
enum Interruption {
  private static let wasAsked = Atomic<Bool>(false)

  /// From now on the two signals are noted and do not end the process.
  static func watch() {
    for number in [SIGINT, SIGTERM, SIGHUP] {
      signal(number) { number in
        Interruption.wasAsked.store(true, ordering: .relaxed)
        signal(number, SIG_DFL)
      }
    }
  }

  /// Whether one came.
  static var isAsked: Bool { wasAsked.load(ordering: .relaxed) }

  /// Returns when one has come, or the task is cancelled.
  static func wait() async {
    while !isAsked, !Task.isCancelled { try? await Task.sleep(for: .milliseconds(50)) }
  }
}

import FabricStore
import PatchRun
import PoolModel

/// Keys of the engine in the fabric store.
enum RunKey {
  static let claim = "run/claim"
  static let coordinator = "run/coordinator"
  /// Covers `run/claim` and `run/coordinator`.
  static let head = KeyRange.prefix("run/c")
  static let all = KeyRange.prefix("run/")

  static func records(_ run: String) -> KeyRange { .prefix("run/\(run)/record/") }
  static func report(_ run: String) -> String { "run/\(run)/report" }
  static func request(_ run: String) -> String { "run/\(run)/request" }

  static func record(_ run: String, _ number: Int) -> String {
    "run/\(run)/record/" + padded(number, 6)
  }

  static func audit(_ run: String, _ number: Int) -> String { "audit/\(run)/" + padded(number, 6) }

  private static func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}

/// The durable claim on a pool, at `run/claim`: while it is there, nobody else changes the pool. It outlives its
/// coordinator; who goes on with the run takes it over.
struct ClaimRecord: Codable, Sendable {
  var format = 1
  var run: String
  var kind: RunKind
  /// Servers that a manual act is about; empty for runs over the pool.
  var servers: [ServerName]
  var by: String
  var host: String
  var pid: Int32
  var since: PoolTime
  var generation: UInt64
  /// Why it waits for an operator; `nil` while it does not.
  var paused: String?

  var coordinator: Coordinator {
    Coordinator(by: by, host: host, pid: pid, since: since, generation: generation)
  }

  /// `patch run 2026… by ann@ops (process 17 on ops), since …`.
  var text: String {
    "\(kind.rawValue) run \(run), held by \(by) (process \(pid) on \(host)) since \(since.text)"
  }
}

/// What an operator asks of a live coordinator, at `run/<id>/request`.
struct RunRequest: Codable, Sendable {
  enum Kind: String, Codable, Sendable {
    case pause
    case abort
  }

  var format = 1
  var kind: Kind
  var by: String
  var reason: String
}

/// One journal record as stored. `chain` is a running sum over all records: one that was changed, left out or put in
/// breaks it.
struct StoredRecord: Codable, Sendable {
  var format = 1
  var at: PoolTime
  var generation: UInt64
  var chain: String
  var record: JournalRecord
}

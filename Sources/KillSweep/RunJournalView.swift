import FabricStore
import FabricStoreSQLite
import FoundationEssentials
public import PatchRun
import PoolModel

/// Looks at the journal of a pool's newest run from outside, as the fabric has it.
struct RunJournalView: Sendable {
  let store: SQLiteFabricStore

  /// The journal in the fabric file at `path`.
  init(_ path: String) async throws { store = try await SQLiteFabricStore(path: path) }

  /// A record's key: `run/<id>/record/<number>`.
  private static func place(_ key: String) -> (run: String, number: Int)? {
    let words = key.split(separator: "/")
    guard words.count == 4, words[0] == "run", words[2] == "record", let number = Int(words[3]) else {
      return nil
    }
    return (String(words[1]), number)
  }

  /// Calls `act` as soon as record `number` of a run that began after this call is in the fabric; `false` when the task
  /// was cancelled first.
  func arrival(of number: Int, from revision: Revision, act: () -> Void) async -> Bool {
    do {
      for try await batch in store.watch(.prefix("run/"), from: revision) {
        for change in batch.changes {
          guard let place = Self.place(change.key), place.number >= number else { continue }
          act()
          return true
        }
      }
    } catch {}
    return false
  }

  /// The revision from which changes are still to come.
  func next() async throws -> Revision {
    try await store.read(.key("run/claim"), at: nil, limit: 1).revision + 1
  }

  private struct Stored: Decodable {
    var record: JournalRecord
  }

  /// The newest run and its records.
  func newest() async throws -> (run: String, records: [JournalRecord])? {
    let entries = try await store.readAll(.prefix("run/")).entries
    guard let run = entries.compactMap({ Self.place($0.key)?.run }).max() else { return nil }
    let records = try entries.filter { Self.place($0.key)?.run == run }
      .map { try JSONDecoder().decode(Stored.self, from: Data($0.value)).record }
    return (run, records)
  }

  /// Whether somebody still holds the pool.
  func isClaimed() async throws -> Bool { try await store.read("run/claim") != nil }

  /// Looks no more.
  func close() async { await store.close() }
}

extension JournalRecord {
  /// What it is, in a word or three, for tables.
  public var brief: String {
    switch self {
    case .planned: "planned"
    case .coordinator: "coordinator"
    case .stage(let stage): "stage \("\(stage)".prefix { $0.isLetter })"
    case .entered(let server, let phase, _, _): "\(server) enters \(phase.rawValue)"
    case .retried(let server, _, let attempt, _): "\(server?.rawValue ?? "pool") tries again (\(attempt))"
    case .waited(let server, _): "\(server) waits"
    case .versionRead(let server, _): "\(server) version read"
    case .server(let server, let outcome): "\(server) \(outcome.word)"
    case .counted: "counted"
    case .evened: "evened"
    default: String("\(self)".prefix { $0.isLetter })
    }
  }
}

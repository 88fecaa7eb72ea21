import FabricStore
import PatchRun
import PoolModel

/// What the last patch runs of a pool took, as their journals tell: for predictions, and for how long a server may be out.
struct RunHistory: Sendable {
  /// How many runs it is made from.
  var runs = 0
  /// How long a server's part took when it went well, gates and soaks left out: the newest run counts.
  private var parts: [ServerName: Duration] = [:]
  /// The longest time that a server was out and then done.
  private(set) var longestOut: Duration?

  /// How many runs are looked at.
  private static let most = 5

  /// Reads the history of the pool that `store` is of. A journal that cannot be read says nothing here.
  static func read(_ store: any FabricStore) async -> RunHistory {
    var history = RunHistory()
    let reader = JournalReader(store: store)
    for run in await identifiers(store).suffix(30).reversed() where history.runs < most {
      guard let entries = try? await reader.entries(run).entries,
        case .planned(_, let plan, let settings)? = entries.first?.record, plan.kind == .patch,
        let report = try? RunReport(journal: entries)
      else { continue }
      history.add(report, settings)
    }
    return history
  }

  /// The runs that the store knows, the oldest first: one small reading for each, whatever their journals hold.
  private static func identifiers(_ store: any FabricStore) async -> [String] {
    var range = RunKey.all
    var found: [String] = []
    while let entry = try? await store.read(range, at: nil, limit: 1).entries.first {
      let parts = entry.key.split(separator: "/")
      if parts.count > 2 {
        found.append(String(parts[1]))
        range = KeyRange(start: KeyRange.prefix("run/\(parts[1])/").end ?? "", end: range.end)
      } else {
        range = range.after(entry.key)
      }
    }
    return found
  }

  /// Takes a run in; runs come the newest first.
  mutating func add(_ report: RunReport, _ settings: RunSettings) {
    var isUsed = false
    for server in report.servers where server.outcome == .done {
      guard let last = server.steps.last, let ended = last.ended, let out = server.outTime else { continue }
      isUsed = true
      longestOut = max(longestOut ?? .zero, out)
      guard parts[server.server] == nil else { continue }
      let waited = server.steps.filter { $0.phase == .gate }.reduce(Duration.zero) { $0 + ($1.took ?? .zero) }
      guard let first = server.steps.first else { continue }
      let soak = max(settings.soak, settings.canarySoak)
      let settled = server.steps.last { $0.phase == .settle }?.took ?? .zero
      parts[server.server] = max(.zero, (ended - first.began) - waited - min(soak, settled))
    }
    if isUsed { runs += 1 }
  }

  /// How long a server's part will take: as its own last time, else as that of a server in the middle; `nil` when nothing
  /// is known.
  private func part(of server: ServerName) -> Duration? {
    if let own = parts[server] { return own }
    let known = parts.values.sorted()
    return known.isEmpty ? nil : known[known.count / 2]
  }

  /// How long a plan will take; `nil` when there is nothing to go by.
  func predict(_ plan: PatchPlan, _ settings: RunSettings) -> PatchPlan.Prediction? {
    guard runs > 0, plan.kind == .patch else { return nil }
    var sum = Duration.zero
    var begun = 0
    for batch in plan.batches {
      let before = begun
      begun += batch.count
      let isCanary = settings.canary > before && settings.canary <= begun
      guard let longest = batch.compactMap(part).max() else { return nil }
      sum += longest + max(settings.soak, isCanary ? settings.canarySoak : .zero)
    }
    return PatchPlan.Prediction(duration: sum, runs: runs)
  }

  /// How long a server is expected to be out at most: half as long again as the longest of the last runs.
  var serverTime: Duration? { longestOut.map { max(.seconds(1), $0 * 3 / 2) } }
}

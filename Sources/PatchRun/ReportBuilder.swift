public import PoolModel

/// A record of a journal with when it was written: what a report is made from.
public struct JournalEntry: Hashable, Sendable, Codable {
  /// Its number, from 1.
  public var number: Int
  /// When it was written, in pool time.
  public var at: PoolTime
  /// The generation of the coordinator that wrote it.
  public var generation: UInt64
  /// The record.
  public var record: JournalRecord

  /// An entry.
  public init(number: Int, at: PoolTime, generation: UInt64, record: JournalRecord) {
    self.number = number
    self.at = at
    self.generation = generation
    self.record = record
  }
}

extension RunReport {
  /// The report of a journal.
  /// - Throws: which record cannot be.
  public init(journal: [JournalEntry]) throws(JournalFault) {
    let state = try RunMachine.replay(journal.map(\.record))
    self.init(
      run: state.run,
      plan: state.plan,
      by: state.settings.by,
      began: journal.first?.at ?? PoolTime(milliseconds: 0)
    )
    var sums: [UInt64] = []
    for entry in journal { fold(entry, &sums) }
    outcome = state.outcome
    exitCode = state.exitCode
    if let first = sums.first, let last = sums.last, sums.count > 1 {
      movesActual = Int(clamping: last &- first)
    }
    if outcome != .running { ended = journal.last?.at }
    if case .stopped(let why) = outcome { remarks.append(why) }
    unwatched = state.settings.unwatched
    next = commands(state)
  }

  private mutating func fold(_ entry: JournalEntry, _ sums: inout [UInt64]) {
    switch entry.record {
    case .planned, .halting: break
    case .coordinator(let coordinator): coordinators.append(coordinator)
    case .stage: break
    case .entered(let server, let phase, _, _):
      change(server) { report in
        report.closeStep(at: entry.at)
        report.outcome = .active
        report.steps.append(StepReport(phase, began: entry.at))
      }
    case .retried(let server, _, let attempt, let why):
      if let server { change(server) { $0.changeStep { $0.attempts = attempt } } }
      if why != "resumed" { remarks.append("\(server.map { "\($0): " } ?? "")tried again: \(why)") }
    case .waited(let server, let sentences):
      change(server) { report in
        report.changeStep { step in
          for sentence in sentences where !step.waits.contains(sentence) { step.waits.append(sentence) }
        }
      }
    case .forced(let server, let reason, let objections):
      forced.append(ForcedAct(server: server, at: entry.at, by: by, reason: reason, objections: objections))
    case .warned(let server, let what): remarks.append("\(server.map { "\($0): " } ?? "")\(what)")
    case .versionRead(let server, let version):
      change(server) { report in
        if report.steps.last?.phase == .gate { report.before = version }
        report.after = version
      }
    case .drained(let server, let clients): change(server) { $0.clients = clients }
    case .rebootNeeded(let server): remarks.append("\(server): the patch asked for a reboot")
    case .turned(let server, let why, _): change(server) { $0.changeStep { $0.failure = why } }
    case .server(let server, let outcome):
      change(server) { report in
        report.outcome = outcome
        if outcome != .active { report.closeStep(at: entry.at) }
        if let why = outcome.why { report.changeStep { $0.failure = $0.failure ?? why } }
      }
    case .aborting(let by, let reason): remarks.append("given up by \(by): \(reason)")
    case .resumed(let by): remarks.append("resumed by \(by)")
    case .amended(let settings):
      if let by = settings.recoverApproved {
        remarks.append("a recovery from quorum loss is approved by \(by)")
      }
    case .counted(let sum): sums.append(sum)
    case .evened(let count): movesEvening = count
    case .recovered(let summary):
      recovery = summary
      sums = []
    case .probed(let summary): probes = probes.map { $0.joined(summary) } ?? summary
    }
  }

  private mutating func change(_ server: ServerName, _ change: (inout ServerReport) -> Void) {
    guard let index = servers.firstIndex(where: { $0.server == server }) else { return }
    change(&servers[index])
  }

  /// The commands that go on from here.
  private func commands(_ state: RunState) -> [String] {
    let pool = state.settings.poolArgument ?? self.pool.rawValue
    switch outcome {
    case .running, .paused:
      return ["quorate patch \(pool)", "quorate runs abort \(pool)"]
    case .refused(let objections):
      let isLoss = objections.contains { if case .quorumLoss = $0.reason { true } else { false } }
      return isLoss ? [state.settings.gates.recoveryCommand] : ["quorate fabric-state \(pool)"]
    case .stopped: return ["quorate fabric-state \(pool)"]
    case .abandoned, .finished:
      return state.quarantined.map { "quorate failback \($0)" }
    case .whatIf: return []
    }
  }
}

extension ServerReport {
  fileprivate mutating func closeStep(at time: PoolTime) {
    changeStep { step in if step.ended == nil { step.ended = time } }
  }

  fileprivate mutating func changeStep(_ change: (inout StepReport) -> Void) {
    guard let last = steps.indices.last else { return }
    change(&steps[last])
  }
}

import PatchRun
import PoolDriving
import PoolModel
import PoolTesting
import Synchronization

/// Time that only moves when the world does something.
final class VirtualTime: Sendable {
  private let value = Mutex<Int64>(0)
  var now: Instant { Instant(nanoseconds: value.withLock { $0 }) }
  var pool: PoolTime { PoolTime(milliseconds: 1_800_000_000_000 + value.withLock { $0 } / 1_000_000) }
  func pass(_ duration: Duration) { value.withLock { $0 += duration.nanoseconds } }
}

/// A run over a pool in memory, single threaded: what PatchEngine does, without a process or a store.
struct MachineWorld {
  enum Crash: Hashable {
    /// After this many records, before their directives are performed.
    case beforeActs(Int)
    /// After this many records, when their directives were performed but not answered.
    case afterActs(Int)
  }

  let time = VirtualTime()
  let pool: MemoryPool
  var journal: [JournalRecord] = []
  var state: RunState?
  var generation: UInt64 = 1
  var transcript: [String] = []
  var violations: [String] = []
  /// What commands do; `nil` is success. The default patches on `apply`.
  var command: (CommandKind, ServerName?, Int, MemoryPool) -> ActFailure? = { kind, server, _, pool in
    if kind == .apply, let server { pool.change(.install(server, version: "2.0")) }
    if kind == .rollback, let server { pool.change(.install(server, version: "1.0")) }
    return nil
  }
  /// Called before each directive; changes the world in the middle of a run.
  var meanwhile: (Directive, MemoryPool) -> Void = { _, _ in }
  /// Changes what a reading says before the machine gets it.
  var seen: (inout Observation, Instant) -> Void = { _, _ in }
  /// Servers that may be out at once.
  var mostOut = 1
  /// Servers that others broke; they do not count.
  var broken: Set<ServerName> = []

  init(servers: Int = 3, groups: Int = 6) {
    let time = time
    pool = MemoryPool(
      servers: (1...servers).map { ServerName("fe\($0)") },
      groups: groups,
      clock: { time.pool }
    )
  }

  static func settings(_ change: (inout RunSettings) -> Void = { _ in }) -> RunSettings {
    var settings = RunSettings(
      by: "ann@ops",
      commands: [CommandEntry(.apply, CommandPolicy(timeout: .seconds(60)))]
    )
    change(&settings)
    return settings
  }

  func plan(_ kind: RunKind = .patch, _ servers: [ServerName]? = nil, batches: Bool = false) throws
    -> PatchPlan
  {
    try PatchPlanner(kind: kind, servers: servers, target: "2.0", batches: batches).plan(
      for: pool.fabricState()
    )
  }

  var coordinator: Coordinator {
    Coordinator(by: "ann@ops", host: "ops", pid: 1, since: time.pool, generation: generation)
  }

  /// Begins a run and carries it on until it pauses, ends or crashes.
  mutating func run(_ plan: PatchPlan, _ settings: RunSettings = settings(), crash: Crash? = nil) {
    let (first, opening) = RunMachine.begin(run: "run", plan: plan, settings: settings)
    journal = opening.records
    let (next, step) = RunMachine.step(first, .started, at: time.now)
    carry(next, step, crash)
  }

  /// Reads the journal back and goes on, as another process would.
  mutating func resume(crash: Crash? = nil) throws {
    generation += 1
    let (next, step) = RunMachine.resume(try RunMachine.replay(journal), by: coordinator, at: time.now)
    carry(next, step, crash)
  }

  mutating func carry(_ start: RunState, _ first: Step, _ crash: Crash?) {
    var machine = start
    var step = first
    var events: [MachineEvent] = []
    for _ in 0..<5_000 {
      state = machine
      let before = journal.count
      journal += step.records
      transcript += step.records.map { "  " + Transcript.line($0) }
      if case .beforeActs(let count) = crash, before < count, journal.count >= count { return }
      for directive in step.directives {
        if directive == .finish || directive == .standDown { return }
        meanwhile(directive, pool)
        transcript.append("> " + Transcript.line(directive))
        if let event = perform(directive) { events.append(event) }
        check(directive)
      }
      if case .afterActs(let count) = crash, before < count, journal.count >= count { return }
      guard !events.isEmpty else {
        violations.append("the run stands still in \(machine.stage)")
        return
      }
      time.pass(.milliseconds(1))
      (machine, step) = RunMachine.step(machine, events.removeFirst(), at: time.now)
    }
    violations.append("the run does not end")
  }

  private mutating func check(_ directive: Directive) {
    let out = Set(pool.notServing).subtracting(broken)
    if out.count > mostOut { violations.append("\(out) are out after \(directive)") }
    if case .stop(let server, let sequence, _) = directive {
      let entered = journal.lastIndex {
        if case .entered(server, .stop, sequence, _) = $0 { true } else { false }
      }
      if entered == nil { violations.append("\(server) was stopped without a record") }
    }
  }

  private func act(_ sequence: Int, forced: Bool = false) -> Act {
    Act(
      identity: ActIdentity(run: "run", sequence: sequence, generation: generation),
      by: "ann@ops",
      reason: "test",
      forced: forced
    )
  }

  private func perform(_ directive: Directive) -> MachineEvent? {
    guard let sequence = directive.sequence else { return wait(directive) }
    do throws(PoolDriverError) {
      return try verb(directive, sequence)
    } catch {
      let kind = ActFailure.Kind(rawValue: error.code.rawValue) ?? .hopeless
      return .failed(sequence: sequence, ActFailure(kind, error.message))
    }
  }

  private func wait(_ directive: Directive) -> MachineEvent? {
    switch directive {
    case .observe(let after):
      time.pass(after)
      do throws(PoolDriverError) {
        var observation = Observation(try pool.fabricState())
        seen(&observation, time.now)
        return .observed(observation)
      } catch { return .unobserved(ActFailure(.unreachable, error.message)) }
    case .timer(let sequence, let after):
      time.pass(after)
      return .timer(sequence: sequence)
    default: return nil
    }
  }

  private func verb(_ directive: Directive, _ sequence: Int) throws(PoolDriverError) -> MachineEvent {
    var result = ActResult.done
    switch directive {
    case .failOver(let server, _, let epoch, _, _, let forced):
      try pool.failOver(server, act: act(sequence, forced: forced != nil), epoch: epoch)
    case .stop(let server, _, _): try pool.stop(server, act: act(sequence))
    case .start(let server, _, _): try pool.start(server, act: act(sequence))
    case .failBack(let server, _, let even, _): try pool.failBack(server, act: act(sequence), even: even)
    case .readVersion(let server, _, _): result = .version(try pool.version(of: server))
    case .even: result = .moved(try pool.even(act: act(sequence)))
    case .recover:
      let report = try pool.recover(act: act(sequence))
      result = .recovered(
        RecoverySummary(
          approvedBy: "",
          groups: report.groups,
          lostServers: report.lostServers,
          replicasLost: report.replicasLost,
          replicasPlaced: report.replicasPlaced,
          bindingsRecovered: report.bindingsRecovered
        )
      )
    case .command(let kind, let server, _, let attempt, _):
      if let failure = command(kind, server, attempt, pool) { return .failed(sequence: sequence, failure) }
    case .observe, .timer, .finish, .standDown: break
    }
    return .succeeded(sequence: sequence, result)
  }
}

/// Records and directives as short lines, for golden transcripts.
enum Transcript {
  static func line(_ record: JournalRecord) -> String {
    switch record {
    case .planned(_, let plan, _): "planned \(plan.servers.map(\.rawValue).joined(separator: " "))"
    case .coordinator(let coordinator): "coordinator \(coordinator.generation)"
    case .stage(let stage): "stage \(stage)"
    case .entered(let server, let phase, let sequence, _): "\(server) \(phase.rawValue) #\(sequence)"
    case .retried(let server, let sequence, let attempt, let why):
      "\(server?.rawValue ?? "run") #\(sequence) try \(attempt): \(why)"
    case .waited(let server, let sentences): "\(server) waits: \(sentences.joined(separator: "; "))"
    case .forced(let server, let reason, let over):
      "\(server) forced (\(reason)): \(over.joined(separator: "; "))"
    case .warned(let server, let what): "\(server?.rawValue ?? "run") warns: \(what)"
    case .versionRead(let server, let version): "\(server) runs \(version ?? "?")"
    case .drained(let server, let clients): "\(server): \(clients)"
    case .rebootNeeded(let server): "\(server) needs a reboot"
    case .turned(let server, let why, let rollback):
      "\(server) turned\(rollback ? " with rollback" : ""): \(why)"
    case .server(let server, let outcome): "\(server) \(outcome.word)\(outcome.why.map { ": \($0)" } ?? "")"
    case .halting(let why): "halting: \(why)"
    case .aborting(let by, let reason): "aborting by \(by): \(reason)"
    case .resumed(let by): "resumed by \(by)"
    case .counted: "counted"
    case .evened(let count): "evened \(count)"
    case .probed: "probed"
    case .amended: "amended"
    case .recovered(let summary): "recovered \(summary.groups.count) groups"
    }
  }

  static func line(_ directive: Directive) -> String {
    switch directive {
    case .observe(let after): "observe" + (after > .zero ? " after \(after.text)" : "")
    case .failOver(let server, let sequence, _, _, _, let forced):
      "failOver \(server) #\(sequence)" + (forced == nil ? "" : " forced")
    case .stop(let server, let sequence, _): "stop \(server) #\(sequence)"
    case .start(let server, let sequence, _): "start \(server) #\(sequence)"
    case .failBack(let server, let sequence, let even, _):
      "failBack \(server) #\(sequence)" + (even ? " even" : "")
    case .readVersion(let server, let sequence, _): "version \(server) #\(sequence)"
    case .command(let kind, let server, let sequence, _, _):
      "\(kind.rawValue) \(server?.rawValue ?? "run") #\(sequence)"
    case .even(let sequence, _): "even #\(sequence)"
    case .recover(let sequence, _): "recover #\(sequence)"
    case .timer(let sequence, let after): "timer #\(sequence) \(after.text)"
    case .finish: "finish"
    case .standDown: "standDown"
    }
  }
}

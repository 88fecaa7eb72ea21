public import PoolModel

/// The patch run as a machine: `(State, Event, Instant) -> (State, Step)`. Pure. What it decides is written down
/// (`Step.records`) before it is done (`Step.directives`), and its durable state is the fold of what was written, so
/// replaying the journal and `resume` is the only recovery there is.
public enum RunMachine {
  /// A new run. The step's record is to be written together with the claim.
  public static func begin(run: String, plan: PatchPlan, settings: RunSettings) -> (RunState, Step) {
    var state = RunState(run: run, plan: plan, settings: settings)
    state.settings.gates.run = run
    let record = JournalRecord.planned(run: run, plan: plan, settings: state.settings)
    state.apply(record)
    return (state, Step(records: [record]))
  }

  /// What follows from an event.
  public static func step(_ state: consuming RunState, _ event: MachineEvent, at now: Instant) -> (
    RunState, Step
  ) {
    var turn = Turn(state: state, now: now)
    turn.take(event)
    return (turn.state, turn.step)
  }

  /// Goes on with a run that was read back: by the same program after a crash, by another after a pause.
  /// - Parameter settings: how it is carried out from here on; `nil` for as before.
  public static func resume(
    _ state: RunState,
    by coordinator: Coordinator,
    settings: RunSettings? = nil,
    at now: Instant
  ) -> (RunState, Step) {
    var turn = Turn(state: state, now: now)
    turn.resume(by: coordinator, settings)
    return (turn.state, turn.step)
  }

  /// The state that records amount to.
  /// - Throws: which record cannot be, when the journal was damaged or written by something else.
  public static func replay(_ records: [JournalRecord]) throws(JournalFault) -> RunState {
    guard let first = records.first else { throw JournalFault(record: 1, what: "the journal is empty") }
    guard case .planned(let run, let plan, let settings) = first else {
      throw JournalFault(record: 1, what: "a journal begins with its plan")
    }
    var state = RunState(run: run, plan: plan, settings: settings)
    state.apply(first)
    for (index, record) in records.enumerated().dropFirst() {
      if let what = fault(record, in: state) { throw JournalFault(record: index + 1, what: what) }
      state.apply(record)
    }
    return state
  }

  /// Why a record cannot follow; `nil` when it can.
  private static func fault(_ record: JournalRecord, in state: RunState) -> String? {
    if state.isEnded { return "something follows the end of the run" }
    switch record {
    case .planned: return "a second plan"
    case .entered(let server, let phase, let sequence, _):
      guard let lane = state.lane(server) else { return "\(server) is not in the plan" }
      guard sequence > state.sequence else { return "act \(sequence) comes after act \(state.sequence)" }
      guard lane.isActive else {
        return "\(server) enters \(phase.rawValue) while it is \(lane.outcome.word)"
      }
      if phase == .stop, !lane.isReturning, lane.phase != .lastGate {
        return "\(server) is stopped without a gate"
      }
      return nil
    case .retried(let server?, let sequence, _, _):
      guard let lane = state.lane(server) else { return "\(server) is not in the plan" }
      return lane.sequence == sequence
        ? nil : "act \(sequence) is tried again, \(lane.sequence) is the newest"
    case .server(let server, _), .waited(let server, _), .forced(let server, _, _),
      .versionRead(let server, _), .drained(let server, _),
      .rebootNeeded(let server), .turned(let server, _, _):
      return state.lane(server) == nil ? "\(server) is not in the plan" : nil
    case .stage(let stage): return fault(stage, in: state)
    case .coordinator, .retried, .warned, .halting, .aborting, .resumed, .counted, .evened, .recovered,
      .probed, .amended:
      return nil
    }
  }

  private static func fault(_ stage: RunStage, in state: RunState) -> String? {
    switch stage {
    case .planned: return "the run is planned a second time"
    case .command(_, let sequence), .recovering(let sequence), .evening(let sequence):
      return sequence > state.sequence ? nil : "act \(sequence) comes after act \(state.sequence)"
    case .running, .counting, .paused, .ended: return nil
    }
  }
}

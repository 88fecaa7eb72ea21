import PatchRun
import PoolDriving
import PoolModel
import PoolProcedures
import Replication

/// What a verb is at: one procedure after the other, as FrontEndPoolDriver follows them.
extension PoolSimulation {
  /// The procedure says what comes next; when its time is over, the one that puts things back does.
  mutating func proceed(_ number: Int, _ sequence: Int) {
    guard let verb = coordinators[number].verbs[sequence], let work = verb.work else { return }
    if now >= verb.deadline, timeIsOver(number, sequence, work) { return }
    switch coordinators[number].verbs[sequence]?.work {
    case .failOver(var procedure):
      let isNew = store.view.servers[procedure.server]?.record.service.isInService ?? false
      guard let next = ask(number, sequence, &procedure) else { return }
      coordinators[number].verbs[sequence]?.work = .failOver(procedure)
      let marks = isNew ? procedure.server : nil
      follow(number, sequence, next, marks: marks) { simulation, _ in simulation.succeed(number, sequence) }
    case .failOverUndo(var procedure):
      guard let next = ask(number, sequence, &procedure) else { return }
      follow(number, sequence, next) { simulation, isOut in
        if isOut {
          simulation.succeed(number, sequence)
        } else {
          simulation.fail(number, sequence, .timedOut, "not out in time; in service again")
        }
      }
    case .failBack(var procedure):
      guard let next = ask(number, sequence, &procedure) else { return }
      coordinators[number].verbs[sequence]?.work = .failBack(procedure)
      follow(number, sequence, next) { simulation, _ in simulation.prove(number, sequence, procedure) }
    case .failBackUndo(var procedure, let of, let why):
      guard let next = ask(number, sequence, &procedure) else { return }
      coordinators[number].verbs[sequence]?.work = .failBackUndo(procedure, of: of, why: why)
      follow(number, sequence, next) { simulation, _ in
        simulation.finishVerb(number, sequence, .failed(sequence: sequence, why))
      }
    case .even(var procedure):
      guard let next = ask(number, sequence, &procedure) else { return }
      coordinators[number].verbs[sequence]?.work = .even(procedure)
      follow(number, sequence, next) { simulation, moved in
        simulation.succeed(number, sequence, .moved(moved))
      }
    case .evenUndo(var procedure):
      guard let next = ask(number, sequence, &procedure) else { return }
      follow(number, sequence, next) { simulation, _ in
        simulation.fail(number, sequence, .timedOut, "not even in time")
      }
    case .recover(var procedure):
      guard let next = ask(number, sequence, &procedure) else { return }
      coordinators[number].verbs[sequence]?.work = .recover(procedure)
      follow(number, sequence, next) { simulation, report in
        simulation.succeed(number, sequence, .recovered(Self.summary(report)))
      }
    case nil: return
    }
  }

  /// What comes next; `nil` when the procedure cannot go on, which ends the verb.
  private mutating func ask<Procedure: PoolProcedure>(
    _ number: Int,
    _ sequence: Int,
    _ procedure: inout Procedure
  ) -> ProcedureStep<Procedure.Answer>? {
    do throws(PoolDriverError) {
      return try procedure.next(store.view)
    } catch {
      let kind: ActFailure.Kind =
        switch error.code {
        case .unreachable: .unreachable
        case .timedOut: .timedOut
        case .epochChanged: .epochChanged
        case .refused: .refused
        case .fenced: .fenced
        case .failed: .failed
        case .unknownServer, .unsupported: .hopeless
        }
      guard kind != .epochChanged || weakness != .epoch else { return markAnyway(number, sequence) }
      fail(number, sequence, kind, error.message)
      return nil
    }
  }

  /// With the epoch's comparison switched off the mark is set whatever has changed since the gate.
  private mutating func markAnyway<Answer>(_ number: Int, _ sequence: Int) -> ProcedureStep<Answer>? {
    guard case .failOver(let procedure)? = coordinators[number].verbs[sequence]?.work,
      let record = store.view.servers[procedure.server]
    else { return nil }
    return .commit([serviceUpdate(.leaving(procedure.mark), record)])
  }

  private mutating func follow<Answer>(
    _ number: Int,
    _ sequence: Int,
    _ step: ProcedureStep<Answer>,
    marks: ServerName? = nil,
    done: (inout PoolSimulation, Answer) -> Void
  ) {
    switch step {
    case .commit(let updates): commit(number, sequence, updates, marks: marks)
    case .wait: wait(number, sequence)
    case .done(let answer): done(&self, answer)
    }
  }

  /// A server is in service again; it is proved by a registration, which may fail.
  private mutating func prove(_ number: Int, _ sequence: Int, _ procedure: FailBackProcedure) {
    guard isFaulty, random.one(in: 60) else {
      succeed(number, sequence)
      return
    }
    count(.proofFails)
    takeOut(number, sequence, procedure, ActFailure(.failed, "the proof failed; it is out again"))
  }

  private mutating func takeOut(
    _ number: Int,
    _ sequence: Int,
    _ procedure: FailBackProcedure,
    _ why: ActFailure
  ) {
    guard let undo = procedure.undo(hasPatience: true) else {
      finishVerb(number, sequence, .failed(sequence: sequence, why))
      return
    }
    coordinators[number].verbs[sequence]?.work = .failBackUndo(undo, of: procedure, why: why)
    coordinators[number].verbs[sequence]?.deadline = now + Self.undoTime / 2
    again(number, sequence, in: 1)
  }

  /// The verb's time is over: `false` when what it is at now goes on with a new deadline.
  private mutating func timeIsOver(
    _ number: Int,
    _ sequence: Int,
    _ work: SimulatedCoordinator.Work
  ) -> Bool {
    coordinators[number].verbs[sequence]?.deadline = now + Self.undoTime
    switch work {
    case .failOver(let procedure):
      coordinators[number].verbs[sequence]?.work = .failOverUndo(procedure.undo)
      return false
    case .failBack(let procedure):
      takeOut(number, sequence, procedure, ActFailure(.timedOut, "it did not come back"))
    case .failBackUndo(let undo, let procedure, let why):
      guard undo.hasPatience, let next = procedure.undo(hasPatience: false) else {
        fail(number, sequence, .timedOut, "it did not come back, nor go out again")
        return true
      }
      coordinators[number].verbs[sequence]?.deadline = now + Self.undoTime / 2
      coordinators[number].verbs[sequence]?.work = .failBackUndo(next, of: procedure, why: why)
      return false
    case .even(let procedure):
      coordinators[number].verbs[sequence]?.work = .evenUndo(procedure.undo)
      return false
    case .failOverUndo: fail(number, sequence, .timedOut, "not out in time, nor back")
    case .evenUndo: fail(number, sequence, .timedOut, "not even in time, and asked for still")
    case .recover: fail(number, sequence, .timedOut, "not rebuilt in time")
    }
    return true
  }

  private static func summary(_ report: RecoveryReport) -> RecoverySummary {
    RecoverySummary(
      approvedBy: "",
      groups: report.groups,
      lostServers: report.lostServers,
      replicasLost: report.replicasLost,
      replicasPlaced: report.replicasPlaced,
      bindingsRecovered: report.bindingsRecovered
    )
  }
}

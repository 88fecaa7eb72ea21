import FabricStore
import Foundation
import Logging
import PatchRun
import PoolDriving
import PoolModel

/// Performs directives and turns what came of them into events. It decides nothing.
struct Performer: Sendable {
  let driver: any PoolDriving
  let commands: CommandRunner
  let run: String
  let operatorName: String
  let kind: RunKind
  let keeper: LeaseKeeper
  let clock: PoolClock
  let emitter: Emitter
  let seeds: SeedWatch
  let windows: MaintenanceWindows
  let meter: ProbeMeter

  /// What came of a directive; `nil` for one that has no answer.
  func perform(_ directive: Directive) async -> MachineEvent? {
    switch directive {
    case .finish, .standDown: return nil
    case .observe(let delay):
      if delay > .zero { try? await Task.sleep(for: delay) }
      return await observe()
    case .timer(let sequence, let delay):
      try? await Task.sleep(for: delay)
      return .timer(sequence: sequence)
    case .command(let kind, let server, let sequence, let attempt, let within):
      guard keeper.holds else { return .leaseLost }
      let call = CommandRunner.Call(
        kind: kind,
        server: server,
        identity: identity(sequence),
        attempt: attempt,
        within: within
      )
      return await commands.run(call, emitter: emitter)
    default:
      // The last look before an act: a coordinator whose lease may have run out does not act.
      guard keeper.holds else { return .leaseLost }
      return await act(directive)
    }
  }

  private func observe() async -> MachineEvent {
    do throws(PoolDriverError) {
      let state = try await driver.fabricState()
      let window = windows.state(at: Date(timeIntervalSince1970: Double(clock.now.milliseconds) / 1_000))
      return .observed(
        Observation(
          state,
          age: clock.now - state.takenAt,
          seeds: await seeds.members(),
          windowLeft: window?.left,
          windowOpens: window?.opens,
          windowLongest: window?.longest,
          probes: meter.summary
        )
      )
    } catch {
      return .unobserved(ActFailure(error))
    }
  }

  private func act(_ directive: Directive) async -> MachineEvent? {
    guard let sequence = directive.sequence else { return nil }
    do throws(PoolDriverError) {
      return .succeeded(sequence: sequence, try await verb(directive, sequence))
    } catch {
      return .failed(sequence: sequence, ActFailure(error))
    }
  }

  private func verb(_ directive: Directive, _ sequence: Int) async throws(PoolDriverError) -> ActResult {
    let now = ContinuousClock.now
    switch directive {
    case .failOver(let server, _, let epoch, let drain, let within, let forced):
      try await driver.failOver(
        server,
        act: act(sequence, reason: forced ?? "\(kind.rawValue) run \(run)", forced: forced != nil),
        epoch: epoch,
        drainTime: drain,
        deadline: now + within,
        progress: teller(server, .failOver)
      )
    case .stop(let server, _, let within):
      await seeds.vacate(server)
      try await driver.stop(server, act: act(sequence), deadline: now + within)
    case .start(let server, _, let within):
      try await driver.start(server, act: act(sequence), deadline: now + within)
    case .failBack(let server, _, let even, let within):
      try await driver.failBack(
        server,
        act: act(sequence),
        even: even,
        deadline: now + within,
        progress: teller(server, .failBack)
      )
    case .readVersion(let server, _, let within): return .version(try await version(server, sequence, within))
    case .even(_, let within):
      return .moved(
        try await driver.even(act: act(sequence), deadline: now + within, progress: teller(nil, nil))
      )
    case .recover(_, let within):
      let report = try await driver.recover(
        act: act(sequence),
        deadline: now + within,
        progress: teller(nil, nil)
      )
      return .recovered(RecoverySummary(report, approvedBy: operatorName))
    case .observe, .command, .timer, .finish, .standDown: break
    }
    return .done
  }

  private func version(_ server: ServerName, _ sequence: Int, _ within: Duration)
    async throws(PoolDriverError) -> String?
  {
    guard commands.has(.version) else { return try await driver.version(of: server) }
    return try await commands.version(of: server, identity: identity(sequence), within: within)
  }

  private func identity(_ sequence: Int) -> ActIdentity {
    ActIdentity(run: run, sequence: sequence, generation: keeper.grant.generation)
  }

  private func act(_ sequence: Int, reason: String? = nil, forced: Bool = false) -> Act {
    Act(
      identity: identity(sequence),
      by: operatorName,
      reason: reason ?? "\(kind.rawValue) run \(run)",
      forced: forced
    )
  }

  private func teller(_ server: ServerName?, _ phase: ServerPhase?) -> @Sendable (DriverProgress) -> Void {
    { [emitter] progress in
      emitter.tell(
        .progress,
        server: server,
        phase: phase,
        progress.message,
        done: progress.done,
        total: progress.total
      )
    }
  }
}

extension ActFailure {
  /// What a driver's error means to the machine.
  init(_ error: PoolDriverError) {
    let kind: Kind =
      switch error.code {
      case .unreachable: .unreachable
      case .timedOut: .timedOut
      case .epochChanged: .epochChanged
      case .refused: .refused
      case .fenced: .fenced
      case .failed: .failed
      case .unknownServer, .unsupported: .hopeless
      }
    self.init(kind, error.message)
  }
}

extension RecoverySummary {
  /// A driver's report, with who approved it.
  init(_ report: RecoveryReport, approvedBy: String) {
    self.init(
      approvedBy: approvedBy,
      groups: report.groups,
      lostServers: report.lostServers,
      replicasLost: report.replicasLost,
      replicasPlaced: report.replicasPlaced,
      bindingsRecovered: report.bindingsRecovered
    )
  }
}

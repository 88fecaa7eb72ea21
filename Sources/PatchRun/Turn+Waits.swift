import PoolModel

extension Turn {
  /// A server's wait begins: gates and fail-over share one deadline.
  mutating func startWait(_ server: ServerName) { restartWait(server, patience: settings.waitTime) }

  mutating func restartWait(_ server: ServerName, patience: Duration) {
    let refusals = state.volatile.wait(server)?.refusals ?? 0
    forgetWait(server)
    state.volatile.waits.append(
      RunState.Volatile.Wait(server: server, since: now, deadline: now + patience, refusals: refusals)
    )
  }

  mutating func forgetWait(_ server: ServerName) { state.volatile.waits.removeAll { $0.server == server } }

  mutating func changeWait(_ server: ServerName, _ change: (inout RunState.Volatile.Wait) -> Void) {
    if state.volatile.wait(server) == nil { startWait(server) }
    guard let index = state.volatile.waits.firstIndex(where: { $0.server == server }) else { return }
    change(&state.volatile.waits[index])
  }

  /// What is left of a server's wait; a second at least, so that an act ordered last has a chance.
  func left(_ server: ServerName) -> Duration {
    guard let wait = state.volatile.wait(server) else { return settings.waitTime }
    return max(.seconds(1), wait.deadline - now)
  }

  /// How long a server soaks: longer behind the last canary.
  func soak(_ server: ServerName) -> Duration {
    let index = state.lanes.firstIndex { $0.server == server }
    guard settings.canary > 0, index == settings.canary - 1 else { return settings.soak }
    return max(settings.soak, settings.canarySoak)
  }

  func waitTime(for phase: ServerPhase, _ server: ServerName) -> Duration {
    phase == .settle ? settings.waitTime + soak(server) : settings.waitTime
  }
}

import PoolModel
import Registrar
import Replication

/// Clients whose connection is to a server that goes out and whose subscription to their registrations is here: they are
/// told here to register anew, as those with both at one server are told there. The marks in the fabric say who goes.
final class NeighbourDrains {
  private struct Turn {
    let began: Instant
    let half: Duration
    let users: [String]
    var told = 0
  }

  private let own: ServerName
  private let drainTime: Duration
  private var turns: [ServerName: Turn] = [:]

  /// - Parameter drainTime: of a mark that says none.
  init(server: ServerName, drainTime: Duration) {
    own = server
    self.drainTime = drainTime
  }

  /// Tells those whose turn has come, evenly over the first half of the drain time.
  func tick(at now: Instant, _ view: FabricView, _ service: SIPService) {
    for (name, record) in view.servers where name != own {
      guard case .leaving(let mark) = record.record.service else {
        turns[name] = nil
        continue
      }
      var turn =
        turns[name]
        ?? Turn(began: now, half: (mark.drainTime ?? drainTime) / 2, users: service.subscriptions.users)
      let due = Drain.due(turn.users.count, now - turn.began, of: turn.half)
      while turn.told < due {
        tell(turn.users[turn.told], ClientMove(server: name), service)
        turn.told += 1
      }
      turns[name] = turn
    }
  }

  private func tell(_ user: String, _ move: ClientMove, _ service: SIPService) {
    service.router.record(of: user) { [weak service] found in
      guard let service, case .found(let record) = found else { return }
      for binding in move.streamBindings(of: record, at: service.agent.poolTime.milliseconds) {
        _ = service.subscriptions.deactivate(binding, of: user)
      }
    }
  }
}

import PoolDriving
import PoolModel
import SIPClient
import Synchronization

/// The prober at work: sends what is due and tells what comes of it.
final class Round: Sendable {
  private let client: PoolClient
  private let users: SyntheticUsers
  private let servers: [ServerName]
  private let tell: @Sendable (ProbeSample) -> Void
  private let state: Mutex<(schedule: ProbeSchedule, serving: [Int])>

  init(
    client: PoolClient,
    users: SyntheticUsers,
    servers: [ServerName],
    schedule: ProbeSchedule,
    tell: @escaping @Sendable (ProbeSample) -> Void
  ) {
    self.client = client
    self.users = users
    self.servers = servers
    self.tell = tell
    state = Mutex((schedule, []))
  }

  static var now: Instant {
    let now = ContinuousClock.now - origin
    return Instant(nanoseconds: now.nanoseconds)
  }

  private static let origin = ContinuousClock.now

  /// Only these are asked from here on.
  func serve(_ serving: Set<ServerName>) {
    state.withLock { $0.serving = servers.indices.filter { serving.contains(servers[$0]) } }
  }

  /// Sends what is due, and tells of those who have been waiting for long.
  func go(impatience: Duration) {
    let now = Self.now
    let (requests, waiting) = state.withLock { state in
      (
        state.schedule.begin(at: now, servers: state.serving),
        state.schedule.waiting(at: now, longerThan: impatience)
      )
    }
    for user in waiting { tell(sample(user.user, user.server, .open, user.gap)) }
    for request in requests { Task { await ask(request) } }
  }

  private func ask(_ request: ProbeSchedule.Request) async {
    let mustBeThere = state.withLock { $0.schedule.isRegistered(request.user) }
    let answer = await client.ask(request.kind, user: request.user, servers: request.servers)
    // The client was closed: the run is over, and nothing is known of this one.
    if answer.failure == .closed { return }
    var isGood = answer.failure == nil
    if isGood, request.kind == .query, mustBeThere {
      // What was acknowledged is there.
      isGood = answer.contacts.contains { $0.uri == answer.ownContact }
    }
    let (server, gap) = state.withLock { $0.schedule.ended(request, isGood: isGood, at: Self.now) }
    tell(sample(request.user, server, isGood ? .good : .failed, gap))
  }

  private func sample(_ user: Int, _ server: Int, _ standing: ProbeSample.Standing, _ gap: Duration)
    -> ProbeSample
  {
    ProbeSample(group: users.groups[user], server: servers[server], standing: standing, gap: gap)
  }
}

import PoolModel
import SIPClient

/// Which synthetic user asks what of which server, and when; and how long each has been waiting. Pure: time comes in.
struct ProbeSchedule {
  /// A request to be sent.
  struct Request: Hashable, Sendable {
    var user: Int
    /// The servers to ask, by index, the first one first.
    var servers: [Int]
    var kind: UserRequest
  }

  private struct User {
    var turn = 0
    var askedAt = Instant(nanoseconds: 0)
    var server = 0
    /// The first try since its last good answer; `nil` when the last one was good.
    var waitingSince: Instant?
    var registeredAt: Instant?
  }

  /// The pause between two requests of a user.
  let interval: Duration
  private let refresh: Duration
  private var users: [User]
  private var busy: Set<Int> = []
  /// Users by when they are due: all have the same pause, so that the first is the next.
  private var queue: [(user: Int, due: Instant)]
  private var head = 0

  /// A schedule.
  /// - Parameters:
  ///   - interval: the pause between two requests of a user; longer when there are so many users that they would send more.
  ///   - perSecond: the most requests in a second.
  ///   - refresh: how old a registration may become.
  init(users count: Int, interval: Duration, perSecond: Int, refresh: Duration, from now: Instant) {
    let interval = max(interval, .seconds(1) * count / max(1, perSecond))
    self.interval = interval
    self.refresh = refresh
    users = Array(repeating: User(), count: count)
    // Spread out, so that they do not all come at once.
    queue = (0..<count).map { ($0, now + interval * $0 / max(1, count)) }
  }

  /// What is due. A user whose last request has no answer yet waits for it; nothing is begun without a server.
  mutating func begin(at now: Instant, servers: [Int]) -> [Request] {
    var requests: [Request] = []
    while head < queue.count, queue[head].due <= now {
      let (user, due) = queue[head]
      head += 1
      // A process that stood still does not make up for what it missed.
      queue.append((user, max(due + interval, now)))
      guard !busy.contains(user), !servers.isEmpty else { continue }
      requests.append(request(user, servers, at: now))
    }
    if head > 1_024, head * 2 > queue.count {
      queue.removeFirst(head)
      head = 0
    }
    return requests
  }

  private mutating func request(_ user: Int, _ servers: [Int], at now: Instant) -> Request {
    busy.insert(user)
    let turn = users[user].turn
    users[user].turn &+= 1
    let first = (user &+ turn) % servers.count
    users[user].askedAt = now
    users[user].server = servers[first]
    let order = (0..<servers.count).map { servers[(first + $0) % servers.count] }
    // A round through the servers in four registers, the others query: writes cost more than readings.
    let isDue = users[user].registeredAt.map { now - $0 > refresh } ?? true
    let registers = isDue || (turn / servers.count &+ user) % 4 == 0
    return Request(user: user, servers: order, kind: registers ? .register : .query)
  }

  /// A request ended. Gives the server it was sent to first, and how long the user had been waiting.
  mutating func ended(_ request: Request, isGood: Bool, at now: Instant) -> (server: Int, gap: Duration) {
    let user = request.user
    busy.remove(user)
    let since = users[user].waitingSince ?? users[user].askedAt
    users[user].waitingSince = isGood ? nil : since
    if isGood, request.kind == .register { users[user].registeredAt = users[user].askedAt }
    return (users[user].server, now - since)
  }

  /// Whether the user's registration was acknowledged and cannot have expired.
  func isRegistered(_ user: Int) -> Bool { users[user].registeredAt != nil }

  /// Users who have been waiting for longer than `limit`, the server that each asked first, and for how long.
  func waiting(at now: Instant, longerThan limit: Duration) -> [(user: Int, server: Int, gap: Duration)] {
    busy.compactMap { user in
      let gap = now - (users[user].waitingSince ?? users[user].askedAt)
      return gap > limit ? (user, users[user].server, gap) : nil
    }
  }
}

import Glibc
import NIOCore
import NIOPosix
import PoolModel

/// Finds the addresses of names in contacts and routes, with the system's resolver on threads of its own: a name server
/// that does not answer holds up nobody else. Answers are kept for a while, because the system does not say how long they
/// are good; how much is kept, asked at a time and waited for is bounded.
///
/// Of RFC 3263 it does the A and AAAA look-up. SRV and NAPTR it does not: a name without a port is reached at 5060, or 5061
/// for TLS, over the transport that its URI names.
final class HostResolver {
  /// Looks a name up; may take as long as it likes.
  typealias LookUp = @Sendable (String) -> [IPAddress]

  private struct Known {
    var addresses: [IPAddress]
    var until: Instant
  }

  private struct Pending {
    var waiting: [([IPAddress]) -> Void]
    var since: Instant
  }

  private static let goodFor: Duration = .seconds(60)
  private static let badFor: Duration = .seconds(5)

  private let eventLoop: any EventLoop
  private let limits: FrontEndLimits
  private let lookUp: LookUp
  private var threads: NIOThreadPool?
  private var known: [String: Known] = [:]
  private var pending: [String: Pending] = [:]
  /// Look-ups that a thread still works on, also those that nobody waits for any more.
  private var running = 0

  /// A resolver that has asked nothing yet.
  init(eventLoop: any EventLoop, limits: FrontEndLimits, lookUp: @escaping LookUp = HostResolver.system) {
    self.eventLoop = eventLoop
    self.limits = limits
    self.lookUp = lookUp
  }

  /// Gives the addresses of a name, best first, now or later; none when there are none, or too much is asked already.
  func resolve(_ name: String, then: @escaping ([IPAddress]) -> Void) {
    let now = ServerClock.now()
    if let known = known[name], known.until > now { return then(known.addresses) }
    if pending[name] != nil {
      guard pending[name]?.waiting.count ?? 0 < limits.nameWaiters else { return then([]) }
      pending[name]?.waiting.append(then)
      return
    }
    guard running < limits.nameLookUps, name.utf8.count <= 253 else { return then([]) }
    pending[name] = Pending(waiting: [then], since: now)
    running += 1
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    threadPool().runIfActive(eventLoop: eventLoop) { [lookUp] in lookUp(name) }
      .assumeIsolated()
      .whenComplete { result in
        let resolver = bound.value
        resolver.running -= 1
        resolver.came((try? result.get()) ?? [], for: name)
      }
  }

  /// Gives up those who have waited too long.
  func sweep(at now: Instant) {
    for (name, entry) in pending where now - entry.since > limits.nameTime { came([], for: name) }
  }

  /// Ends the threads when they are done.
  func close() {
    threads?.shutdownGracefully { _ in }
    threads = nil
  }

  private func came(_ addresses: [IPAddress], for name: String) {
    if known.count >= limits.namesRemembered {
      let now = ServerClock.now()
      known = known.filter { $0.value.until > now }
      if known.count >= limits.namesRemembered { known.removeAll(keepingCapacity: true) }
    }
    let life = addresses.isEmpty ? Self.badFor : Self.goodFor
    known[name] = Known(addresses: addresses, until: ServerClock.now() + life)
    for waiter in pending.removeValue(forKey: name)?.waiting ?? [] { waiter(addresses) }
  }

  private func threadPool() -> NIOThreadPool {
    if let threads { return threads }
    let made = NIOThreadPool(numberOfThreads: 4)
    made.start()
    threads = made
    return made
  }

  /// The system's resolver: hosts file, name servers, whatever `nsswitch.conf` says.
  @Sendable
  static func system(_ name: String) -> [IPAddress] {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_DGRAM.rawValue)
    hints.ai_flags = AI_ADDRCONFIG
    var first: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(name, nil, &hints, &first) == 0 else { return [] }
    defer { freeaddrinfo(first) }
    var found: [IPAddress] = []
    var next = first
    while let info = next?.pointee, found.count < 8 {
      if let address = IPAddress(info) { found.append(address) }
      next = info.ai_next
    }
    return found
  }
}

extension IPAddress {
  /// The address in an answer of the system.
  fileprivate init?(_ info: addrinfo) {
    guard let address = info.ai_addr else { return nil }
    switch info.ai_family {
    case AF_INET:
      self.init(
        address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { SocketAddress($0.pointee, host: "") }
      )
    case AF_INET6:
      self.init(
        address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { SocketAddress($0.pointee, host: "") }
      )
    default: return nil
    }
  }
}

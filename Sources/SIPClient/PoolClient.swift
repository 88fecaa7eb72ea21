public import NIOCore
import NIOPosix

/// Many SIP users of one pool in one process, over UDP, on one event loop. They know all servers (RFC 3263), each in an
/// order of its own, and move at once on 503 and ICMP errors and after 500 ms of silence.
///
/// Close it with `close()`.
public final class PoolClient: Sendable {
  /// Whom users ask.
  public enum Place: Hashable, Sendable {
    /// Each user its own servers, in its own order.
    case anyServer
    /// Every user the server of that index, and no other.
    case server(Int)

    var server: Int? {
      if case .server(let index) = self { return index }
      return nil
    }
  }

  /// What the client was made of.
  public let configuration: ClientConfiguration
  private let eventLoop: any EventLoop
  private let bound: NIOLoopBound<ClientLoop>

  private init(configuration: ClientConfiguration, eventLoop: any EventLoop, bound: NIOLoopBound<ClientLoop>)
  {
    self.configuration = configuration
    self.eventLoop = eventLoop
    self.bound = bound
  }

  /// Opens the client's sockets; nothing is sent yet.
  public static func start(
    _ configuration: ClientConfiguration,
    on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) async throws(SIPClientError) -> PoolClient {
    guard (1...255).contains(configuration.servers.count) else {
      throw SIPClientError("a client needs 1 to 255 servers, not \(configuration.servers.count)")
    }
    let eventLoop = group.next()
    do {
      let bound = try await eventLoop.flatSubmit { () -> EventLoopFuture<NIOLoopBound<ClientLoop>> in
        do throws(SIPClientError) {
          let sockets = try ClientSockets(configuration: configuration, eventLoop: eventLoop)
          let loop = ClientLoop(configuration: configuration, eventLoop: eventLoop, sockets: sockets)
          sockets.loop = loop
          let bound = NIOLoopBound(loop, eventLoop: eventLoop)
          return sockets.open().map { port in
            bound.value.writer.contactPort = port
            return bound
          }
        } catch {
          return eventLoop.makeFailedFuture(error)
        }
      }.get()
      return PoolClient(configuration: configuration, eventLoop: eventLoop, bound: bound)
    } catch let error as SIPClientError {
      throw error
    } catch {
      throw SIPClientError(
        "cannot open a UDP socket on \(configuration.localHost):\(configuration.contactPort): \(error)"
      )
    }
  }

  // MARK: - All users, one after the other

  /// Registers (or refreshes) users; returns how many were acknowledged. At most `window` requests are on their way at
  /// a time.
  @discardableResult
  public func register(_ range: Range<Int>? = nil, at place: Place = .anyServer, window: Int = 128) async
    -> Int
  {
    let server = place.server
    return await walk(range, window: window) { loop, user, done in
      loop.begin(.register, user: user, at: server) { outcome, _ in done(outcome.isSuccess ? 1 : 0) }
    }
  }

  /// Removes the users' contacts; returns how many removals were acknowledged.
  @discardableResult
  public func unregister(_ range: Range<Int>? = nil, window: Int = 128) async -> Int {
    await walk(range, window: window) { loop, user, done in
      loop.begin(.remove, user: user) { outcome, _ in done(outcome.isSuccess ? 1 : 0) }
    }
  }

  /// Asks for every user's bindings and compares them with what was acknowledged. Call `quiet()` first: a REGISTER that
  /// is on its way has no acknowledged outcome yet.
  public func audit(
    _ range: Range<Int>? = nil,
    at place: Place = .anyServer,
    window: Int = 128
  ) async -> BindingAudit {
    let pinned = place.server
    let total = NIOLoopBoundBox<BindingAudit>.makeBoxSendingValue(BindingAudit(), eventLoop: eventLoop)
    _ = await walk(range, window: window) { loop, user, done in
      loop.begin(.query, user: user, at: pinned) { outcome, contacts in
        total.value.add(loop.judge(user, outcome, contacts))
        done(1)
      }
    }
    return (try? await eventLoop.submit { total.value }.get()) ?? BindingAudit()
  }

  /// Asks for users' bindings, whoever registered them; in rising order of the users.
  public func list(
    _ range: Range<Int>? = nil,
    at place: Place = .anyServer,
    window: Int = 128
  ) async -> [ListedBindings] {
    let pinned = place.server
    let found = NIOLoopBoundBox<[ListedBindings]>.makeBoxSendingValue([], eventLoop: eventLoop)
    _ = await walk(range, window: window) { loop, user, done in
      loop.begin(.query, user: user, at: pinned) { outcome, contacts in
        var listed = ListedBindings(user: user, contacts: contacts, failure: nil)
        if case .failure(let reason) = outcome {
          listed.contacts = nil
          listed.failure = reason
        }
        found.value.append(listed)
        done(1)
      }
    }
    return (try? await eventLoop.submit { found.value.sorted { $0.user < $1.user } }.get()) ?? []
  }

  /// Runs `begin` for each user with at most `window` at a time; the sum of what they call `done` with.
  private func walk(
    _ range: Range<Int>?,
    window: Int,
    _ begin: @escaping @Sendable (ClientLoop, Int, @escaping (Int) -> Void) -> Void
  ) async -> Int {
    let bound = bound
    let all = 0..<configuration.users
    let range = (range ?? all).clamped(to: all)
    let future = eventLoop.flatSubmit { () -> EventLoopFuture<Int> in
      let walk = UserWalk(range, loop: bound.value, begin)
      let promise = bound.value.eventLoop.makePromise(of: Int.self)
      walk.start(window: window) { promise.succeed($0) }
      return promise.futureResult
    }
    return (try? await future.get()) ?? 0
  }

  /// Runs something on the client's loop that ends with one value; `nil` when the loop is gone.
  func onLoop<Value: Sendable>(
    _ body: @escaping @Sendable (ClientLoop, @escaping (Value) -> Void) -> Void
  ) async -> Value? {
    let bound = bound
    let future = eventLoop.flatSubmit { () -> EventLoopFuture<Value> in
      let promise = bound.value.eventLoop.makePromise(of: Value.self)
      body(bound.value) { promise.succeed($0) }
      return promise.futureResult
    }
    return try? await future.get()
  }

  // MARK: - A workload

  /// Begins a workload, or changes it.
  public func begin(_ workload: Workload) {
    let bound = bound
    eventLoop.execute {
      let loop = bound.value
      loop.workload?.stop()
      let pacer = WorkloadPacer(workload, loop: loop)
      loop.workload = pacer
      pacer.start()
    }
  }

  /// Ends the workload and waits until no request is on its way (32 s at worst).
  public func quiet() async {
    let bound = bound
    let future = eventLoop.flatSubmit { () -> EventLoopFuture<Void> in
      let loop = bound.value
      loop.workload?.stop()
      loop.workload = nil
      let promise = loop.eventLoop.makePromise(of: Void.self)
      loop.whenIdle { promise.succeed(()) }
      return promise.futureResult
    }
    _ = try? await future.get()
  }

  // MARK: - Figures and end

  /// What the users saw since the start or the last reset.
  public func statistics(reset: Bool = false) async -> ClientStatistics {
    let bound = bound
    return (try? await eventLoop.submit { bound.value.takeStatistics(reset: reset) }.get())
      ?? ClientStatistics()
  }

  /// Nanoseconds since the client's start, the clock of `NotableRequest.began`.
  public func elapsed() async -> Int64 {
    let bound = bound
    return (try? await eventLoop.submit { ClientLoop.now &- bound.value.started }.get()) ?? 0
  }

  /// Closes the sockets and drops the requests on their way.
  public func close() async {
    let bound = bound
    _ = try? await eventLoop.submit { bound.value.close() }.get()
  }
}

/// One request for each user of a range, so many at a time.
private final class UserWalk {
  private let end: Int
  private var next: Int
  private var running = 0
  private var sum = 0
  private unowned let loop: ClientLoop
  private let begin: (ClientLoop, Int, @escaping (Int) -> Void) -> Void
  private var finish: ((Int) -> Void)?

  init(
    _ range: Range<Int>,
    loop: ClientLoop,
    _ begin: @escaping (ClientLoop, Int, @escaping (Int) -> Void) -> Void
  ) {
    next = range.lowerBound
    end = range.upperBound
    self.loop = loop
    self.begin = begin
  }

  func start(window: Int, finish: @escaping (Int) -> Void) {
    self.finish = finish
    while running < max(1, window), next < end { beginNext() }
    finishIfDone()
  }

  private func beginNext() {
    let user = next
    next += 1
    running += 1
    // The closure holds the walk: it lives until its last answer.
    begin(loop, user) { value in
      self.running -= 1
      self.sum += value
      if self.next < self.end { self.beginNext() }
      self.finishIfDone()
    }
  }

  private func finishIfDone() {
    guard running == 0, next >= end, let finish else { return }
    self.finish = nil
    finish(sum)
  }
}

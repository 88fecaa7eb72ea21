public import PoolDriving
public import PoolModel
import Synchronization

/// A pool that is nothing but numbers: servers, groups, replicas, and verbs that act at once. Tests and the conformance
/// suite drive it through `MemoryPoolDriver`; a simulator calls it directly.
public final class MemoryPool: Sendable {
  /// One verb that was performed, for assertions.
  public struct Performed: Hashable, Sendable {
    /// Which verb, by its name in `PoolDriving`.
    public var verb: String
    /// On which server; `nil` for verbs of the whole pool.
    public var server: ServerName?
    /// By which act.
    public var act: ActIdentity
  }

  struct Server: Hashable, Sendable {
    var name: ServerName
    var domain: UpgradeDomain
    var isUp = true
    var service = ServiceState.inService
    var version: String?
    var installed: String?
    var instance: UInt64 = 1
    /// Whether a start brings it up.
    var starts = true
    /// Whether its replicas catch up when it is up.
    var catchesUp = true
    var bindings = 100
  }

  struct Group: Hashable, Sendable {
    var id: RoutingGroupID
    var generation: UInt64 = 1
    var primary: ServerName?
    /// Each replica's server and the instance that built it.
    var replicas: [ServerName: UInt64]
  }

  struct State: Sendable {
    var servers: [Server]
    var groups: [Group]
    var epoch: UInt64 = 1
    var revision: UInt64 = 1
    var fence: UInt64 = 0
    var performed: [Performed] = []
    var failures: [String: [PoolDriverError]] = [:]
    var hidden = false
    var target: Int
  }

  let state: Mutex<State>
  /// The pool's name.
  public let name: PoolName
  private let clock: @Sendable () -> PoolTime

  /// A healthy pool.
  /// - Parameters:
  ///   - servers: names; each is an upgrade domain of its own unless `domains` says otherwise.
  ///   - groups: how many routing groups; replicas and primaries are spread round robin.
  ///   - version: what every server runs.
  ///   - clock: pool time.
  public init(
    name: PoolName = PoolName("test"),
    servers: [ServerName],
    groups: Int = 8,
    version: String? = "1.0",
    domains: [ServerName: UpgradeDomain] = [:],
    clock: @escaping @Sendable () -> PoolTime
  ) {
    self.name = name
    self.clock = clock
    let target = min(3, servers.count)
    state = Mutex(
      State(
        servers: servers.sorted().map { name in
          Server(
            name: name,
            domain: domains[name] ?? UpgradeDomain(name.rawValue),
            version: version,
            installed: version
          )
        },
        groups: (0..<groups).map { number in
          let places = (0..<target).map { servers[(number + $0) % servers.count] }
          return Group(
            id: RoutingGroupID(number),
            primary: places.first,
            replicas: Dictionary(places.map { ($0, 1) }) { first, _ in first }
          )
        },
        target: target
      )
    )
  }

  /// What was performed, in order.
  public var performed: [Performed] { state.withLock { $0.performed } }

  /// Servers that do not serve: down, leaving or out.
  public var notServing: [ServerName] {
    state.withLock { $0.servers.filter { !$0.isUp || !$0.service.isInService }.map(\.name) }
  }

  /// Servers that carry a mark of that run.
  public func markedBy(_ run: String) -> [ServerName] {
    state.withLock { $0.servers.filter { $0.service.mark?.act?.run == run }.map(\.name) }
  }

  /// Whether a server may serve.
  public func serviceOf(_ server: ServerName) -> ServiceState? {
    state.withLock { $0.server(server)?.service }
  }

  /// Forgets failures that were ordered and not met.
  public func clearFailures() { state.withLock { $0.failures = [:] } }

  /// Changes the pool as something outside would: see the methods of `MemoryPoolChange`.
  public func change(_ change: MemoryPoolChange) { state.withLock { change.apply(&$0) } }

  /// The pool as a driver reads it.
  /// - Throws: `.unreachable` while the pool is hidden.
  public func fabricState() throws(PoolDriverError) -> FabricState {
    let now = clock()
    let (state, isHidden) = self.state.withLock { ($0, $0.hidden) }
    if isHidden { throw PoolDriverError(.unreachable, "the pool cannot be read") }
    return state.fabricState(pool: name, at: now)
  }

  /// Pool time.
  public var now: PoolTime { clock() }
}

/// Something that happens to a pool in memory.
public enum MemoryPoolChange: Hashable, Sendable {
  /// The server's process dies; others take over what it led.
  case kill(ServerName)
  /// The process comes back by itself.
  case revive(ServerName)
  /// A patch puts a version on the server's disk.
  case install(ServerName, version: String?)
  /// Whether a start brings the server up.
  case starts(ServerName, Bool)
  /// Whether the server's replicas catch up.
  case catchesUp(ServerName, Bool)
  /// Somebody marks the server out.
  case mark(ServerName, ServiceState)
  /// The next call of a verb fails; calls add up.
  case fail(verb: String, PoolDriverError)
  /// The pool cannot be read, or can again.
  case hide(Bool)
  /// Something raises the epoch.
  case raiseEpoch
  /// A primary moves by itself, to make things uneven.
  case lead(RoutingGroupID, ServerName)

  func apply(_ state: inout MemoryPool.State) {
    state.revision += 1
    switch self {
    case .kill(let name):
      state.change(name) { $0.isUp = false }
      state.promote()
    case .revive(let name):
      state.bringUp(name)
      state.promote()
    case .install(let name, let version): state.change(name) { $0.installed = version }
    case .starts(let name, let starts): state.change(name) { $0.starts = starts }
    case .catchesUp(let name, let catchesUp):
      state.change(name) { $0.catchesUp = catchesUp }
      state.build()
      state.promote()
    case .mark(let name, let service):
      state.change(name) { $0.service = service }
      state.epoch += 1
    case .fail(let verb, let error): state.failures[verb, default: []].append(error)
    case .hide(let isHidden): state.hidden = isHidden
    case .raiseEpoch: state.epoch += 1
    case .lead(let id, let name):
      guard let index = state.groups.firstIndex(where: { $0.id == id }) else { return }
      state.groups[index].primary = name
      state.groups[index].generation += 1
      state.epoch += 1
    }
  }
}

import FabricRecords
public import FabricStore
import NIOCore
import NIOPosix
public import PoolDriving
import PoolModel
import Replication
public import SIPClient
import SIPDigest
import Synchronization

/// Probes a pool of ours over SIP: one synthetic user of each routing group, as a phone does it. The users are reserved:
/// what they send carries a proof made with the pool's secret, and the servers refuse anybody else.
public struct SIPUserProber: UserProbing {
  /// The servers that users know, as in the pool file.
  public var servers: [ServerEndpoint]
  /// The SIP domain.
  public var domain: String
  /// The pause between two requests of a user.
  public var interval: Duration
  /// The most requests in a second; with more users the pause grows.
  public var perSecond: Int
  private let store: any FabricStore

  /// How long a registration is asked for.
  private static let expires = 600
  /// How long its registrations may take to be removed at the end: less than a coordinator keeps its lease by itself.
  private static let goodbye = Duration.seconds(1)
  /// A user who waits for longer is told of before the answer comes.
  private static let impatience = Duration.milliseconds(200)

  /// A prober of the pool kept in `store`.
  public init(
    servers: [ServerEndpoint],
    domain: String,
    store: any FabricStore,
    interval: Duration = .milliseconds(500),
    perSecond: Int = 100
  ) {
    self.servers = servers
    self.domain = domain
    self.store = store
    self.interval = interval
    self.perSecond = perSecond
  }

  /// Probes until it is cancelled, then removes what it registered.
  public func probe(_ tell: @escaping @Sendable (ProbeSample) -> Void) async {
    guard let secret = await secret(), let count = await groupCount(), !servers.isEmpty else { return }
    let users = SyntheticUsers(domain: domain, groups: count)
    guard let client = await start(users, secret) else { return }
    let round = Round(
      client: client,
      users: users,
      servers: servers.map { ServerName($0.name) },
      schedule: ProbeSchedule(
        users: users.names.count,
        interval: interval,
        perSecond: perSecond,
        refresh: .seconds(Self.expires / 3),
        from: Round.now
      ),
      tell: tell
    )
    await withDiscardingTaskGroup { group in
      group.addTask { await follow(round) }
      while !Task.isCancelled {
        round.go(impatience: Self.impatience)
        do { try await Task.sleep(for: .milliseconds(20)) } catch { break }
      }
    }
    // The task is cancelled by now: the time of the farewell is kept by another one.
    let limit = Task {
      try? await Task.sleep(for: Self.goodbye)
      await client.close()
    }
    await client.unregister()
    limit.cancel()
    await client.close()
  }

  private func secret() async -> [UInt8]? {
    guard let entry = try? await store.read(FabricKey.nonceSecret.text) else { return nil }
    return try? FabricCodec.decodeNonceSecret(entry.value)
  }

  private func groupCount() async -> Int? {
    guard let entry = try? await store.read(FabricKey.pool.text) else { return nil }
    return (try? FabricCodec.decodePool(entry.value))?.groups
  }

  private func start(_ users: SyntheticUsers, _ secret: [UInt8]) async -> PoolClient? {
    var configuration = ClientConfiguration(
      servers: servers,
      domain: domain,
      users: users.names.count,
      localHost: await localHost(),
      expires: Self.expires,
      seed: UInt64.random(in: .min ... .max)
    )
    configuration.names = users.names
    configuration.header = { [domain] user, callID, cseq in
      ReservedUser.fields(
        callID: callID,
        cseq: cseq,
        addressOfRecord: SyntheticUsers.addressOfRecord(user, domain),
        secret: secret
      )
    }
    return try? await PoolClient.start(configuration)
  }

  /// The address of this machine that the first server is reached from.
  private func localHost() async -> String {
    let usual = "127.0.0.1"
    guard let server = servers.first,
      let address = try? SocketAddress(ipAddress: server.host, port: server.port)
    else { return usual }
    let bootstrap = DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    guard let channel = try? await bootstrap.connect(to: address).get() else { return usual }
    let host = channel.localAddress?.ipAddress
    try? await channel.close()
    return host ?? usual
  }

  /// Keeps up with which servers are in service and live.
  private func follow(_ round: Round) async {
    while !Task.isCancelled {
      if let serving = await serving() { round.serve(serving) }
      do { try await Task.sleep(for: .milliseconds(500)) } catch { return }
    }
  }

  private func serving() async -> Set<ServerName>? {
    guard let records = try? await store.readAll(FabricKey.servers).entries,
      let live = try? await store.readAll(FabricKey.processes).entries
    else { return nil }
    let processes = Set(live.map(\.key))
    return Set(
      records.compactMap { entry in
        guard case .server(let name)? = FabricKey(entry.key), processes.contains(FabricKey.live(name).text),
          let server = try? FabricCodec.decodeServer(entry.value, name: name), server.service.isInService
        else { return nil }
        return name
      }
    )
  }
}

public import FabricStore
import Foundation
public import Logging
import Synchronization

/// A fabric store in etcd, through its v3 JSON gateway: etcd 3.4 and newer. Several pools may share one etcd under
/// different prefixes.
public final class EtcdFabricStore: FabricStore {
  let gateway: EtcdGateway
  let batch: EtcdBatch
  let logger: Logger
  private let commits: EtcdCommitQueue
  private let watches = EtcdWatchTasks()
  let quotaSeen = Mutex<Int64?>(nil)
  private let upkeep = Mutex<Task<Void, Never>?>(nil)
  /// What was added to this prefix's generations when it took in a fabric from elsewhere.
  private let generationBase: UInt64
  let place: String
  private let storeIdentity: String

  /// Opens the store, and gives it an identity when it is new.
  public static func open(_ configuration: EtcdConfiguration, logger: Logger) async throws(FabricStoreError)
    -> EtcdFabricStore
  {
    guard !configuration.endpoints.isEmpty else {
      throw FabricStoreError(.invalidRequest, "etcd: no endpoint is configured")
    }
    let gateway = try EtcdGateway(configuration, logger: logger)
    do throws(FabricStoreError) {
      try await checkMembers(gateway)
      let (identity, base) = try await identify(gateway, configuration)
      let store = EtcdFabricStore(gateway, identity: identity, generationBase: base, logger: logger)
      if let history = configuration.history {
        let upkeep = EtcdUpkeep(history: history, logger: logger)
        store.upkeep.withLock {
          $0 = Task { [weak store] in
            if let store { await upkeep.run(store) }
          }
        }
      }
      return store
    } catch {
      let explained = error.code == .unavailable ? await explain(error, gateway) : error
      await gateway.close()
      throw explained
    }
  }

  /// Why the cluster cannot be used, in words that say what to do.
  private static func explain(_ error: FabricStoreError, _ gateway: EtcdGateway) async -> FabricStoreError {
    let urls = gateway.configuration.endpoints
    let witnesses = await EtcdWitness.all(at: urls, gateway)
    guard !witnesses.contains(where: \.hasLeader) else { return error }
    var error = error
    error.message =
      witnesses.isEmpty
      ? "none of etcd's \(urls.count) endpoints answers (\(error.message))"
      : "etcd has lost its majority: \(witnesses.count) of \(urls.count) endpoints answer, and none has a leader"
    error.message += "; bring its members back, or recover it, first: docs/operating/etcd.md"
    return error
  }

  /// All endpoints that answer must be of one cluster, or two would take themselves for the pool's truth.
  private static func checkMembers(_ gateway: EtcdGateway) async throws(FabricStoreError) {
    var clusters: [UInt64: String] = [:]
    for witness in await EtcdWitness.all(at: gateway.configuration.endpoints, gateway) {
      if let id = witness.status.header?.cluster_id?.value { clusters[id] = witness.url }
    }
    guard clusters.count <= 1 else {
      let list = clusters.map { "\($0.value) is of cluster \(String($0.key, radix: 16))" }.sorted()
      throw FabricStoreError(
        .unsuitable,
        "etcd: the endpoints belong to different clusters: \(list.joined(separator: ", ")); name members of one"
      )
    }
    if let cluster = clusters.keys.first { gateway.adopt(cluster: cluster) }
  }

  private init(_ gateway: EtcdGateway, identity: String, generationBase: UInt64, logger: Logger) {
    self.gateway = gateway
    self.logger = logger
    storeIdentity = identity
    self.generationBase = generationBase
    let configuration = gateway.configuration
    batch = EtcdBatch(prefix: configuration.prefix, maximumOperations: configuration.maximumOperations)
    commits = EtcdCommitQueue(gateway: gateway, batch: batch)
    place = "etcd:" + configuration.endpoints.joined(separator: ",") + configuration.prefix
  }

  /// The cluster's id and a number that is made once: another cluster behind the same address has another identity.
  private static func identify(_ gateway: EtcdGateway, _ configuration: EtcdConfiguration)
    async throws(FabricStoreError) -> (identity: String, generationBase: UInt64)
  {
    // Outside the pool's own keys: a reading of everything must not meet it.
    let key = Data((configuration.prefix + ".identity").utf8)
    let made = Data(UUID().uuidString.utf8)
    let read = EtcdMessage.RequestOperation(request_range: .init(key: key))
    let put = EtcdMessage.RequestOperation(request_put: .init(key: key, value: made))
    let request = EtcdMessage.Transaction(
      compare: [.init(target: "CREATE", key: key, create_revision: .init(0))],
      success: configuration.mayCreate ? [put] : [],
      failure: [read]
    )
    let answer: EtcdMessage.TransactionResponse = try await gateway.call("/v3/kv/txn", request)
    guard let cluster = answer.header?.cluster_id?.value else {
      throw FabricStoreError(.unavailable, "etcd named no cluster in its answer")
    }
    gateway.adopt(cluster: cluster)
    guard configuration.mayCreate || answer.succeeded != true else {
      let place = configuration.endpoints.joined(separator: ",")
      throw FabricStoreError(
        .unavailable,
        "etcd at \(place) has no fabric under \(configuration.prefix) yet; 'quorate pool start' makes it"
      )
    }
    let stored = answer.responses?.first?.response_range?.kvs?.first?.value
    let own = answer.succeeded == true ? made : stored ?? made
    let base = try await EtcdContents.generationBase(gateway, configuration)
    return ("\(String(cluster, radix: 16))-\(String(decoding: own, as: UTF8.self))", base)
  }

  /// The cluster's id and the number made when the prefix was first used.
  public var identity: String {
    get async throws(FabricStoreError) { storeIdentity }
  }

  /// A range request; an empty range still tells the store's revision.
  public func read(_ range: KeyRange, at revision: Revision?, limit: Int?) async throws(FabricStoreError)
    -> RangeReading
  {
    if let end = range.end, !KeyRange.precedes(range.start, end) {
      let status: EtcdMessage.StatusResponse = try await gateway.call(
        "/v3/maintenance/status",
        EtcdMessage.Nothing()
      )
      return RangeReading(entries: [], revision: revision ?? status.header?.revision?.value ?? 0, more: false)
    }
    let request = EtcdMessage.RangeRequest(
      key: batch.wire(range.start),
      range_end: batch.wireEnd(range),
      limit: limit.map { .init(UInt64(max(0, $0))) },
      revision: revision.map { .init($0) }
    )
    let answer: EtcdMessage.RangeResponse = try await gateway.call("/v3/kv/range", request)
    return RangeReading(
      entries: (answer.kvs ?? []).compactMap(batch.entry),
      revision: revision ?? answer.header?.revision?.value ?? 0,
      more: answer.more ?? false
    )
  }

  /// Nested transactions, grouped with other callers' (see `EtcdBatch`).
  public func commit(_ transactions: [FabricTransaction], urgent: Bool) async throws(FabricStoreError)
    -> [TransactionResult]
  {
    try FabricLimits.check(transactions)
    return try await commits.commit(transactions, urgent: urgent)
  }

  /// etcd grants whole seconds; the generation is the revision of a write that every grant makes.
  public func grantLease(ttl: Duration) async throws(FabricStoreError) -> LeaseGrant {
    try FabricLimits.check(ttl: ttl)
    let seconds = UInt64(max(1, (ttl.wholeNanoseconds &+ 999_999_999) / 1_000_000_000))
    let answer: EtcdMessage.LeaseResponse = try await gateway.call(
      "/v3/lease/grant",
      EtcdMessage.LeaseRequest(TTL: .init(seconds))
    )
    guard let id = answer.ID?.value, let granted = answer.TTL?.value else {
      throw FabricStoreError(.unavailable, "etcd granted no lease: \(answer.error ?? "no reason given")")
    }
    // The revision of a write that every grant makes rises with each: that is the fencing generation.
    let counted = EtcdMessage.Transaction(
      compare: [],
      success: [
        .init(
          request_put: .init(
            key: Data((gateway.configuration.prefix + ".leases").utf8),
            value: Data(String(id, radix: 16).utf8)
          )
        )
      ]
    )
    let written: EtcdMessage.TransactionResponse = try await gateway.call("/v3/kv/txn", counted)
    guard let generation = written.header?.revision?.value else {
      throw FabricStoreError(.unavailable, "etcd named no revision in its answer", outcome: .unknown)
    }
    return LeaseGrant(
      id: LeaseID(id),
      generation: generation &+ generationBase,
      ttl: .seconds(Int64(clamping: granted))
    )
  }

  /// Renews once; etcd answers a lease that is gone with no time to live.
  public func keepAlive(_ lease: LeaseID) async throws(FabricStoreError) {
    let answer: EtcdMessage.KeepAliveResponse = try await gateway.call(
      "/v3/lease/keepalive",
      EtcdMessage.LeaseRequest(ID: .init(lease.rawValue)),
      .brief
    )
    // A lease that is gone is answered with no time to live.
    guard let ttl = answer.result?.TTL?.value, ttl > 0 else {
      throw FabricStoreError(.leaseNotFound, "etcd: lease \(lease) ran out or was revoked")
    }
  }

  /// Ends a lease; one that is gone is no error.
  public func revoke(_ lease: LeaseID) async throws(FabricStoreError) {
    do {
      let _: EtcdMessage.LeaseResponse = try await gateway.call(
        "/v3/lease/revoke",
        EtcdMessage.LeaseRequest(ID: .init(lease.rawValue))
      )
    } catch {
      guard error.code == .leaseNotFound else { throw error }
    }
  }

  /// A connection of its own, opened again from the next revision when it breaks.
  public func watch(_ range: KeyRange, from revision: Revision) -> AsyncThrowingStream<WatchBatch, any Error>
  {
    let watch = EtcdWatch(gateway: gateway, batch: batch, range: range, from: revision, logger: logger)
    return watches.stream(watch)
  }

  /// The median of the members' clocks, from the dates that their answers carry: etcd has no clock to ask.
  public func now() async throws(FabricStoreError) -> StoreTime {
    let unheard = gateway.clock.unheard(of: gateway.configuration.endpoints, for: Self.clockAge)
    if !unheard.isEmpty { _ = await EtcdWitness.all(at: unheard, gateway) }
    guard let milliseconds = gateway.clock.milliseconds() else {
      throw FabricStoreError(.unavailable, "\(place): no member answers, so the time is not known")
    }
    return StoreTime(milliseconds: milliseconds)
  }

  /// A member's clock is asked for after so many milliseconds without an answer of it.
  private static let clockAge: Int64 = 5_000

  /// Compacts; somebody else's further compaction is no error.
  public func compact(before revision: Revision) async throws(FabricStoreError) {
    try await compact(before: revision, physical: false)
  }

  /// Compacts and, when `physical`, waits until the pages are free.
  func compact(before revision: Revision, physical: Bool) async throws(FabricStoreError) {
    let status: EtcdMessage.StatusResponse = try await gateway.call(
      "/v3/maintenance/status",
      EtcdMessage.Nothing()
    )
    let edge = min(revision, status.header?.revision?.value ?? 0)
    guard edge > 1 else { return }
    do throws(FabricStoreError) {
      let _: EtcdMessage.HeaderOnly = try await gateway.call(
        "/v3/kv/compaction",
        EtcdMessage.CompactionRequest(revision: .init(edge), physical: physical ? true : nil)
      )
    } catch {
      // Somebody compacted further already.
      guard error.code == .compacted else { throw error }
    }
  }

  /// The newest revision.
  func revision() async throws(FabricStoreError) -> Revision {
    let answer: EtcdMessage.RangeResponse = try await gateway.call(
      "/v3/kv/range",
      EtcdMessage.RangeRequest(key: batch.wire("pool"), keys_only: true)
    )
    return answer.header?.revision?.value ?? 0
  }

  /// Ends watches and closes the connections.
  public func close() async {
    upkeep.withLock { $0?.cancel() }
    watches.cancel()
    await commits.close()
    await gateway.close()
  }
}

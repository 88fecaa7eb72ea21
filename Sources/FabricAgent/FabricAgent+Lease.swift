import FabricRecords
import FabricStore
import Logging
import NIOCore
import PoolModel
import Replication

/// What is known of the lease.
struct LeaseKeeping {
  var grant: LeaseGrant?
  /// A grant or the first writing of the live record is under way.
  var isGranting = false
  /// When the renewal that is under way was sent.
  var renewalSentAt: Instant?
  /// Another process runs as this server and has a newer lease.
  var isSuperseded = false
}

/// Pool time as last asked for.
struct PoolClock {
  private var storeMilliseconds: Int64?
  private var askedAt = Instant(nanoseconds: 0)

  /// The store's clock said `milliseconds` between two instants.
  mutating func set(_ milliseconds: Int64, sentAt: Instant, answeredAt: Instant) {
    storeMilliseconds = milliseconds
    askedAt = sentAt + (answeredAt - sentAt) / 2
  }

  func poolTime(at instant: Instant) -> PoolTime {
    guard let storeMilliseconds else { return PoolTime(milliseconds: BootClock.wallMilliseconds()) }
    return PoolTime(milliseconds: storeMilliseconds) + (instant - askedAt)
  }
}

extension FabricAgent {
  /// A quarter of the time to live.
  private var renewalInterval: TimeAmount { .nanoseconds(configuration.leaseTTL.nanoseconds / 4) }

  /// Takes a lease, then writes the live record; from then on renews.
  func grantLease() {
    guard !isStopped, !lease.isGranting, !lease.isSuperseded, lease.grant == nil else { return }
    lease.isGranting = true
    let (store, ttl) = (store, configuration.leaseTTL)
    let sentAt = BootClock.now()
    run {
      do throws(FabricStoreError) {
        return .success(try await store.grantLease(ttl: ttl))
      } catch {
        return .failure(error)
      }
    } then: { (agent: FabricAgent, result: Result<LeaseGrant, FabricStoreError>) in
      agent.takeGrant(result, sentAt: sentAt)
    }
  }

  private func takeGrant(_ result: Result<LeaseGrant, FabricStoreError>, sentAt: Instant) {
    lease.isGranting = false
    switch result {
    case .success(let grant):
      guard !isStopped else { return giveBack(grant) }
      lease.grant = grant
      live.begin(instance: grant.generation)
      logger.info("has a lease", metadata: ["instance": "\(grant.generation)"])
      live.onFirst = { agent in
        agent.tell(.leaseGranted(instance: grant.generation, sentAt: sentAt, ttl: grant.ttl))
      }
      writeLive()
      renewLater()
    case .failure(let error):
      logger.warning("got no lease", metadata: ["error": "\(error)"])
      grantLater()
    }
  }

  private func grantLater() {
    let bound = bound
    eventLoop.scheduleTask(in: .milliseconds(100)) { bound.value.grantLease() }
  }

  private func renewLater() {
    guard let grant = lease.grant, !isStopped else { return }
    let bound = bound
    eventLoop.scheduleTask(in: renewalInterval) {
      let agent = bound.value
      guard agent.lease.grant?.id == grant.id else { return }
      agent.renew(grant)
      agent.renewLater()
    }
  }

  /// Renews, and asks for pool time beside it. One that hangs is not waited for longer than half the time to live.
  private func renew(_ grant: LeaseGrant) {
    let sentAt = BootClock.now()
    if let last = lease.renewalSentAt, sentAt - last < configuration.leaseTTL / 2 { return }
    lease.renewalSentAt = sentAt
    let store = store
    run { () async -> (FabricStoreError?, Instant) in
      do throws(FabricStoreError) {
        try await store.keepAlive(grant.id)
        return (nil, BootClock.now())
      } catch {
        return (error, BootClock.now())
      }
    } then: { agent, answer in
      agent.takeRenewal(of: grant, error: answer.0, sentAt: sentAt, answeredAt: answer.1)
    }
    askTime()
  }

  private func takeRenewal(
    of grant: LeaseGrant,
    error: FabricStoreError?,
    sentAt: Instant,
    answeredAt: Instant
  ) {
    if lease.renewalSentAt == sentAt { lease.renewalSentAt = nil }
    guard lease.grant?.id == grant.id else { return }
    guard let error else {
      let latency = answeredAt - sentAt
      tally.renewalNanoseconds = UInt64(max(0, latency.nanoseconds))
      onRenewal?(latency)
      heardAt = sentAt
      tell(.leaseRenewed(sentAt: sentAt))
      refreshLive()
      return
    }
    logger.warning("could not renew the lease", metadata: ["error": "\(error)"])
    if error.code == .leaseNotFound { loseLease() }
  }

  func loseLease() {
    guard lease.grant != nil else { return }
    tally.leasesLost += 1
    lease.grant = nil
    lease.renewalSentAt = nil
    live.end()
    tell(.leaseLost)
    grantLater()
  }

  /// Another process with a newer lease has written this server's live record: this one has no part any more.
  func noticeSuperseded(by instance: UInt64) {
    guard let grant = lease.grant, instance > grant.generation else { return }
    lease.isSuperseded = true
    trouble = "another process runs as \(configuration.server)"
    logger.critical("another process runs as this server", metadata: ["instance": "\(instance)"])
    loseLease()
    giveBack(grant)
  }

  func giveBack(_ grant: LeaseGrant) {
    let store = store
    Task { try? await store.revoke(grant.id) }
  }

  /// Compares the clocks.
  func askTime() {
    let store = store
    let sentAt = BootClock.now()
    run { () async -> (StoreTime, Int64, Instant)? in
      guard let time = try? await store.now() else { return nil }
      return (time, BootClock.wallMilliseconds(), BootClock.now())
    } then: { agent, answer in
      guard let (time, wall, answeredAt) = answer else { return }
      let trip = answeredAt - sentAt
      // A slow answer says little about the clock.
      guard trip < .seconds(1) else { return }
      agent.clock.set(time.milliseconds, sentAt: sentAt, answeredAt: answeredAt)
      let offset = wall &- time.milliseconds &- trip.milliseconds / 2
      agent.tell(.clockMeasured(offset: .milliseconds(offset)))
    }
  }
}

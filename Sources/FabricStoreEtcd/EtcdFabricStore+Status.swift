public import FabricStore
import Synchronization

/// How the cluster is.
extension EtcdFabricStore {
  /// Asks every member: those that the pool file names, and those of the member list that it does not.
  public func status() async throws(FabricStoreError) -> StoreStatus {
    let list = try await memberList()
    let witnesses = await witnesses(of: list)
    let alarms: EtcdMessage.AlarmResponse? = try? await gateway.call(
      "/v3/maintenance/alarm",
      EtcdMessage.AlarmRequest()
    )
    let members = (list.members ?? []).map { member in
      let own = witnesses.first { $0.id == member.ID.value }
      return StoreStatus.Member(
        name: member.name ?? String(member.ID.value, radix: 16),
        isHealthy: own?.hasLeader ?? false,
        isLeader: own?.leads ?? false,
        hosts: Self.hosts(of: (member.clientURLs ?? []) + (member.peerURLs ?? [])),
        size: own?.status.dbSize.map { Int64(clamping: $0.value) }
      )
    }
    var troubles = (alarms?.alarms ?? []).compactMap { alarm -> String? in
      guard let kind = alarm.alarm else { return nil }
      let name = list.members?.first { $0.ID == alarm.memberID }?.name ?? "a member"
      return kind == "NOSPACE" ? "\(name) is out of space (NOSPACE): no writes are taken" : "\(name): \(kind)"
    }
    if !members.contains(where: \.isLeader) {
      troubles.append("no leader: a majority of the members is gone, or an election is under way")
    }
    let quota = await cachedQuota(witnesses)
    troubles += members.compactMap { Self.fullness(of: $0, quota: quota) }
    return StoreStatus(
      name: place,
      revision: witnesses.compactMap { $0.status.header?.revision?.value }.max() ?? 0,
      compactedRevision: 0,
      size: members.compactMap(\.size).max() ?? 0,
      members: members,
      alarms: troubles,
      quota: quota
    )
  }

  func memberList() async throws(FabricStoreError) -> EtcdMessage.MemberList {
    try await gateway.call("/v3/cluster/member/list", EtcdMessage.Nothing())
  }

  /// What the members that answer say of themselves: those of the pool file, and those of the list that it does not name.
  func witnesses(of list: EtcdMessage.MemberList) async -> [EtcdWitness] {
    var found = await EtcdWitness.all(at: gateway.configuration.endpoints, gateway)
    let others = (list.members ?? []).filter { member in !found.contains { $0.id == member.ID.value } }
    let named = Set(gateway.configuration.endpoints)
    let urls = others.compactMap { $0.clientURLs?.first { !named.contains($0) } }
    found += await EtcdWitness.all(at: urls, gateway)
    return found
  }

  /// The quota does not change while members run.
  private func cachedQuota(_ witnesses: [EtcdWitness]) async -> Int64? {
    if let known = quotaSeen.withLock({ $0 }) { return known }
    let found = await quota(witnesses)
    quotaSeen.withLock { $0 = found }
    return found
  }

  /// The quota, as a member's metrics tell it.
  private func quota(_ witnesses: [EtcdWitness]) async -> Int64? {
    guard let url = witnesses.first?.url, let text = await gateway.metrics(at: url) else { return nil }
    let name = "etcd_server_quota_backend_bytes "
    guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix(name) }),
      let bytes = Double(line.dropFirst(name.count)), bytes > 0, bytes < 1e18
    else { return nil }
    return Int64(bytes)
  }

  /// The hosts of URLs, each once.
  static func hosts(of urls: [String]) -> [String] {
    var hosts: [String] = []
    for url in urls {
      guard let host = EtcdConfiguration.host(of: url) else { continue }
      if !hosts.contains(host) { hosts.append(host) }
    }
    return hosts
  }

  /// A word of warning about a database that has grown over this share of its quota, in percent.
  private static let warningShare: Int64 = 70

  private static func fullness(of member: StoreStatus.Member, quota: Int64?) -> String? {
    guard let size = member.size, let quota, quota > 0, size >= quota / 100 * warningShare else { return nil }
    return "\(member.name)'s database has \(size * 100 / quota) % of its quota: quorate fabric compact"
  }
}

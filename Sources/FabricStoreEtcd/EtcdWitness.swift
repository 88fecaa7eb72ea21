/// What one member says of itself.
struct EtcdWitness: Sendable {
  /// Where it was asked.
  var url: String
  var status: EtcdMessage.StatusResponse

  var id: UInt64 { status.header?.member_id?.value ?? 0 }
  /// One without a leader answers, but counts for nothing.
  var hasLeader: Bool { (status.leader?.value ?? 0) != 0 }
  var leads: Bool { hasLeader && status.leader?.value == id }

  /// Asks members beside each other; those that answer in time.
  static func all(at urls: [String], _ gateway: EtcdGateway) async -> [EtcdWitness] {
    await withTaskGroup(of: EtcdWitness?.self) { group in
      for url in urls {
        group.addTask {
          let status: EtcdMessage.StatusResponse? = try? await gateway.ask(
            url,
            "/v3/maintenance/status",
            EtcdMessage.Nothing()
          )
          return status.map { EtcdWitness(url: url, status: $0) }
        }
      }
      var witnesses: [EtcdWitness] = []
      for await witness in group { if let witness { witnesses.append(witness) } }
      return witnesses
    }
  }
}

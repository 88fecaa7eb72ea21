import FabricStore

/// What operators have done to a cluster.
extension EtcdFabricStore {
  private struct HashRequest: Codable { var revision: EtcdMessage.Number }
  private struct HashAnswer: Codable, EtcdAnswer {
    var header: EtcdMessage.Header?
    var hash: UInt32?
    var compact_revision: EtcdMessage.Number?
  }

  /// Members whose copies differ at one revision, and members that could not be asked; empty when all agree.
  public func differences() async throws(FabricStoreError) -> [String] {
    let revision = try await revision()
    let list = try await memberList()
    let witnesses = await witnesses(of: list)
    var problems = (list.members ?? []).filter { member in !witnesses.contains { $0.id == member.ID.value } }
      .map { "member \($0.name ?? "") does not answer" }
    var seen: [UInt64: (hash: UInt32, url: String)] = [:]
    for witness in witnesses {
      let answer: HashAnswer
      do throws(FabricStoreError) {
        answer = try await gateway.ask(
          witness.url,
          "/v3/maintenance/hash",
          HashRequest(revision: .init(revision)),
          .reading
        )
      } catch {
        problems.append("\(witness.url) cannot be compared: \(error.message)")
        continue
      }
      // Only copies that were compacted alike have the same hash.
      let compacted = answer.compact_revision?.value ?? 0
      if let other = seen[compacted], other.hash != answer.hash {
        problems.append("the copies at \(other.url) and \(witness.url) differ at revision \(revision)")
      } else if let hash = answer.hash {
        seen[compacted] = (hash, witness.url)
      }
    }
    return problems
  }

  /// Forgets all history, gives the free pages back to the disk, one member after the other and the leader last, and ends a
  /// NOSPACE alarm. A member answers nobody while it is being worked on, so each must be well before the next.
  /// - Parameter progress: is told what is done next.
  public func tidyUp(progress: (String) -> Void) async throws(FabricStoreError) {
    progress("compacting")
    try await compact(before: try await revision(), physical: true)
    let list = try await memberList()
    let members = await witnesses(of: list).sorted { !$0.leads && $1.leads }
    guard members.count == list.members?.count else {
      throw FabricStoreError(
        .unavailable,
        "etcd: only \(members.count) of \(list.members?.count ?? 0) members answer; defragment when all do"
      )
    }
    for member in members {
      progress("defragmenting \(member.url)")
      try await gateway.defragment(member.url)
      try await waitUntilWell(member)
    }
    let alarms: EtcdMessage.AlarmResponse = try await gateway.call(
      "/v3/maintenance/alarm",
      EtcdMessage.AlarmRequest()
    )
    for alarm in alarms.alarms ?? [] where alarm.alarm == "NOSPACE" {
      progress("ending the NOSPACE alarm")
      let _: EtcdMessage.AlarmResponse = try await gateway.call(
        "/v3/maintenance/alarm",
        EtcdMessage.AlarmRequest(action: "DEACTIVATE", memberID: alarm.memberID, alarm: "NOSPACE")
      )
    }
  }

  private func waitUntilWell(_ member: EtcdWitness) async throws(FabricStoreError) {
    for _ in 0..<100 {
      if let now = await EtcdWitness.all(at: [member.url], gateway).first, now.hasLeader { return }
      try? await Task.sleep(for: .milliseconds(100))
    }
    throw FabricStoreError(.unavailable, "etcd at \(member.url) did not come back after it was defragmented")
  }
}

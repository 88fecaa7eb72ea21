import FabricStore

/// Sees that every answer is of the cluster that the store was opened on, and that this cluster does not go back: one
/// restored from a snapshot may lack what was acknowledged, and nothing that was learned from it holds any more.
struct EtcdGuardian {
  private(set) var cluster: UInt64?
  /// The highest revision that an answer which every member must agree on has told.
  private var highest: Revision = 0
  /// Why the store must not be used any more.
  private var verdict: FabricStoreError?

  /// From now on answers must be of this cluster.
  mutating func adopt(_ cluster: UInt64) { self.cluster = cluster }

  /// Before a call is sent: the revision that its answer cannot be below.
  func send() throws(FabricStoreError) -> Revision {
    if let verdict { throw verdict }
    return highest
  }

  /// An answer came.
  mutating func take(_ answer: some EtcdAnswer, sentAt known: Revision, from endpoint: String)
    throws(FabricStoreError)
  {
    guard let header = answer.header else { return }
    if let id = header.cluster_id?.value, let cluster, cluster != id {
      throw FabricStoreError(
        .unsuitable,
        "etcd at \(endpoint) is of cluster \(Self.hex(id)), the fabric of cluster \(Self.hex(cluster)); name members of one "
          + "cluster, and restart the pool's servers if the cluster was made anew from a backup",
        outcome: .unknown
      )
    }
    guard answer.isOfTheCluster, let revision = header.revision?.value else { return }
    if revision < known {
      let error = FabricStoreError(
        .unsuitable,
        "etcd at \(endpoint) went back from revision \(known) to \(revision): it was restored; restart the pool's servers",
        outcome: .unknown
      )
      verdict = error
      throw error
    }
    highest = max(highest, revision)
  }

  private static func hex(_ id: UInt64) -> String { String(id, radix: 16) }
}

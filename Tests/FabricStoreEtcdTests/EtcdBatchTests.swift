import FabricStore
import Testing

@testable import FabricStoreEtcd

@Suite("Transactions as etcd's requests") struct EtcdBatchTests {
  private let batch = EtcdBatch(prefix: "/p", maximumOperations: 128)

  private func write(_ key: String, bytes: Int = 10) -> FabricTransaction {
    FabricTransaction(
      when: [.present("fence"), .modRevision(key, 0)],
      then: [.put(key, Array(repeating: 1, count: bytes))]
    )
  }

  @Test func aRequestIsFilledToTheServersLimit() {
    // 126 of them and the two comparisons of the widest make 128.
    #expect(batch.stages((0..<300).map { write("k\($0)") }) == [[0..<126, 126..<252, 252..<300]])
  }

  @Test func whatTouchesAKeyWrittenBeforeGoesInALaterStage() {
    #expect(batch.stages([write("a"), write("b"), write("a"), write("c")]) == [[0..<2], [2..<4]])
    let reads = FabricTransaction(when: [.present("a")], then: [.put("d", [])])
    #expect(batch.stages([write("a"), reads]) == [[0..<1], [1..<2]])
  }

  @Test func aRequestKeepsToEtcdsSize() {
    let large = (0..<4).map { write("k\($0)", bytes: 400_000) }
    #expect(batch.stages(large) == [[0..<2, 2..<4]])
    #expect(batch.stages([write("k", bytes: FabricLimits.valueBytes)]) == [[0..<1]])
  }

  @Test func nothingIsNoStage() { #expect(batch.stages([]).isEmpty) }
}

@Suite("What is believed of etcd's answers") struct EtcdGuardianTests {
  private func answer(cluster: UInt64, revision: UInt64) -> EtcdMessage.RangeResponse {
    EtcdMessage.RangeResponse(
      header: .init(cluster_id: .init(cluster), revision: .init(revision))
    )
  }

  @Test func anotherClusterIsNot() throws {
    var guardian = EtcdGuardian()
    guardian.adopt(7)
    try guardian.take(answer(cluster: 7, revision: 5), sentAt: guardian.send(), from: "a")
    #expect(throws: FabricStoreError.self) {
      try guardian.take(answer(cluster: 8, revision: 9), sentAt: guardian.send(), from: "b")
    }
    // That one's revision counts for nothing.
    #expect(try guardian.send() == 5)
  }

  @Test func aClusterThatWentBackIsNeverBelievedAgain() throws {
    var guardian = EtcdGuardian()
    guardian.adopt(7)
    try guardian.take(answer(cluster: 7, revision: 5), sentAt: guardian.send(), from: "a")
    // One that was sent before may come late.
    try guardian.take(answer(cluster: 7, revision: 4), sentAt: 3, from: "b")
    #expect(throws: FabricStoreError.self) {
      try guardian.take(answer(cluster: 7, revision: 4), sentAt: guardian.send(), from: "a")
    }
    #expect(throws: FabricStoreError.self) { try guardian.send() }
  }
}

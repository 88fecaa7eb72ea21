import FabricStore
import Foundation
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

  @Test func theTextIsWhatFoundationReads() throws {
    let lease = LeaseID(7)
    let transaction = FabricTransaction(
      when: [.absent("a"), .present("b"), .modRevision("c", 9), .value("c", [1, 255])],
      then: [.put("d\"", [], lease: lease), .delete("e")]
    )
    let read = try JSONDecoder().decode(
      EtcdMessage.Transaction.self,
      from: Data("{\"compare\":[],\"failure\":[],".utf8) + Data(batch.request([transaction]).dropFirst())
    )
    let nested = try #require(read.success.first?.request_txn)
    func key(_ name: String) -> Data { Data("/p/\(name)".utf8) }
    #expect(nested.compare.map(\.key) == ["a", "b", "c", "c"].map(key))
    #expect(nested.compare.map(\.target) == ["CREATE", "CREATE", "MOD", "VALUE"])
    #expect(nested.compare.map(\.result) == ["EQUAL", "GREATER", "EQUAL", "EQUAL"])
    #expect(nested.compare[2].mod_revision?.value == 9 && nested.compare[3].value == Data([1, 255]))
    let put = try #require(nested.success.first?.request_put)
    #expect(put.key == key("d\"") && put.value.isEmpty && put.lease?.value == 7)
    #expect(nested.success.last?.request_delete_range?.key == key("e"))
    #expect(nested.failure.map { $0.request_range?.key } == ["a", "b", "c"].map(key))
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

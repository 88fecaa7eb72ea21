import FabricStore
import Foundation
import NIOCore
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

  /// What etcd's gateway reads: enumerations as numbers, what goes without saying left out.
  private struct Text: Decodable {
    struct Comparison: Decodable {
      var key: Data
      var target: Int
      var result: Int?
      var create_revision: Int?
      var mod_revision: Int?
      var value: Data?
    }
    struct Put: Decodable {
      var key: Data
      var value: Data
      var lease: Int?
    }
    struct Operation: Decodable {
      var request_range: EtcdMessage.RangeRequest?
      var request_put: Put?
      var request_delete_range: EtcdMessage.DeleteRequest?
      var request_txn: Nested?
    }
    final class Nested: Decodable {
      let compare: [Comparison]?
      let success: [Operation]?
      let failure: [Operation]?
    }
  }

  private func key(_ name: String) -> Data { Data("/p/\(name)".utf8) }

  private func expectWhole(_ nested: Text.Nested) throws {
    let compare = try #require(nested.compare)
    #expect(compare.map(\.key) == ["a", "b", "c", "c"].map(key))
    #expect(compare.map(\.target) == [1, 1, 2, 3] && compare.map(\.result) == [nil, 1, nil, nil])
    #expect(compare[2].mod_revision == 9 && compare[3].value == Data([1, 255]))
    let put = try #require(nested.success?.first?.request_put)
    #expect(put.key == key("d\"") && put.value.isEmpty && put.lease == 7)
    #expect(nested.success?.last?.request_delete_range?.key == key("e"))
    #expect(nested.failure?.map { $0.request_range?.key } == ["a", "b", "c"].map(key))
  }

  private let all = FabricTransaction(
    when: [.absent("a"), .present("b"), .modRevision("c", 9), .value("c", [1, 255])],
    then: [.put("d\"", [], lease: LeaseID(7)), .delete("e")]
  )

  @Test func theTextIsWhatFoundationReads() throws {
    let apart = try JSONDecoder().decode(Text.Nested.self, from: Data(batch.eachApart([all])))
    try expectWhole(try #require(apart.success?.first?.request_txn))
    try expectWhole(try JSONDecoder().decode(Text.Nested.self, from: Data(batch.allOrNone([all]))))
  }

  @Test func inOneTransactionAFenceIsComparedOnceAndNothingIsReadBack() throws {
    func write(_ name: String, under fence: String) -> FabricTransaction {
      FabricTransaction(
        when: [.value(fence, [7]), .modRevision(name, 0)],
        then: [.put(name, [1])]
      )
    }
    let run = [write("a", under: "f"), write("b", under: "f"), write("c", under: "g")]
    let text = try JSONDecoder().decode(Text.Nested.self, from: Data(batch.allOrNone(run[...])))
    #expect(text.compare?.map(\.key) == ["f", "a", "b", "g", "c"].map(key))
    #expect(text.success?.map { $0.request_put?.key } == ["a", "b", "c"].map(key))
    #expect(text.failure == nil)
    let bare = try JSONDecoder().decode(
      Text.Nested.self,
      from: Data(batch.allOrNone([FabricTransaction(then: [.delete("a")])]))
    )
    #expect(bare.compare?.isEmpty == true && bare.success?.count == 1 && bare.failure?.isEmpty == true)
  }

  @Test func manyFencesLeaveLessRoom() {
    let run = (0..<200).map { number in
      FabricTransaction(
        when: [.value("fence\(number % 24)", [1]), .modRevision("k\(number)", 0)],
        then: [.put("k\(number)", [1])]
      )
    }
    // 104 revisions and 24 fences are 128 comparisons.
    #expect(batch.stages(run) == [[0..<104, 104..<200]])
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

@Suite("What is read and written without Foundation") struct EtcdTextTests {
  @Test func base64IsFoundations() throws {
    for count in 0..<70 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 73 &+ count) }
      var text: [UInt8] = []
      Base64.append(bytes, to: &text)
      #expect(text == Array(Data(bytes).base64EncodedData()))
      #expect(Base64.bytes(text) == bytes)
    }
    for wrong in ["A", "AA", "AAA", "AA=A", "A===", "====", "AA*=", "AAAA=", "=AAA"] {
      #expect(Base64.bytes(wrong.utf8) == nil, "\(wrong)")
    }
  }

  private func take(_ line: String) throws -> WatchBatch? {
    let batch = EtcdBatch(prefix: "/p", maximumOperations: 128)
    return try EtcdWatchReading(batch: batch, range: .prefix(""), next: 5).take(ByteBuffer(string: line))
  }

  private func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }

  @Test func eventsAreReadAsFoundationReadsThem() throws {
    let put =
      "{\"kv\":{\"key\":\"\(base64("/p/a"))\",\"create_revision\":\"6\",\"mod_revision\":\"7\",\"version\":\"2\","
      + "\"value\":\"\(base64("v"))\",\"lease\":\"9\"}}"
    let gone = "{\"type\":\"DELETE\",\"kv\":{\"key\":\"\(base64("/p/b"))\",\"mod_revision\":\"8\"}}"
    let foreign = "{\"kv\":{\"key\":\"\(base64("/pa"))\",\"mod_revision\":\"8\"}}"
    let old = "{\"type\":\"DELETE\",\"kv\":{\"key\":\"\(base64("/p/b"))\",\"mod_revision\":\"4\"}}"
    let header = "{\"result\":{\"header\":{\"cluster_id\":\"1\",\"revision\":\"8\"},"
    let line = header + "\"events\":[\(put),\(gone),\(foreign),\(old)]}}"
    #expect(EtcdEventText.events(in: Array(line.utf8))?.count == 4)
    let told = try #require(try take(line))
    #expect(told.revision == 8)
    #expect(
      told.changes == [
        .put(Entry(key: "a", value: Array("v".utf8), createRevision: 6, modRevision: 7, lease: LeaseID(9))),
        .delete(key: "b", revision: 8),
      ]
    )
    // With a space in it, it is Foundation's to read: to the same end.
    let spaced = line.replacing("\"events\":", with: "\"events\": ")
    #expect(EtcdEventText.events(in: Array(spaced.utf8)) == nil)
    #expect(try take(spaced) == told)
    for end in 0..<line.utf8.count { #expect(EtcdEventText.events(in: Array(line.utf8.prefix(end))) == nil) }
    #expect(try take(header + "\"created\":true}}") == nil)
    #expect(throws: FabricStoreError.self) { try take(line.replacing(base64("v"), with: "*")) }
    #expect(throws: (any Error).self) { try take(line.replacing("\"7\"", with: "\"18446744073709551616\"")) }
  }
}

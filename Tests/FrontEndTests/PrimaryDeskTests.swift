import CoreMetrics
import FabricAgent
import FabricStore
import Logging
import NIOCore
import NIOPosix
import PoolModel
import SIPMessage
import Testing

@testable import FrontEnd

/// A fabric that answers what the test says.
private final class FakeFabric: FabricAccess {
  var groupCount: Int? = 8
  var poolTime = PoolTime(milliseconds: 1_000_000)
  var staleness = Duration.zero
  var routes: [RoutingGroupID: GroupRoute] = [:]
  var fallback = GroupRoute.here(generation: 1)
  var records: [String: StoredRecord] = [:]
  var writes: [(aor: String, expecting: UInt64, done: (WriteOutcome) -> Void)] = []

  func route(_ group: RoutingGroupID) -> GroupRoute { routes[group] ?? fallback }
  func holdsReplica(_ group: RoutingGroupID) -> Bool { true }
  func record(of addressOfRecord: String, in group: RoutingGroupID) -> StoredRecord? {
    records[addressOfRecord]
  }
  func write(
    _ bytes: [UInt8]?,
    for addressOfRecord: String,
    in group: RoutingGroupID,
    expecting revision: UInt64,
    completion: @escaping (WriteOutcome) -> Void
  ) {
    writes.append((addressOfRecord, revision, completion))
  }
}

/// Counts a write for every request: the revision it saw is its answer.
private final class FakeOwner: PrimaryDeskOwner {
  var answers: [String] = []
  var refusals: [RefusalReason] = []
  var open = 0
  var decisions = 0

  func decide(_ request: PendingRequest, on record: StoredRecord?) -> RecordDecision {
    decisions += 1
    return .write([1], answer: Array("\(request.message.bytes.count):\(record?.revision ?? 0)".utf8))
  }
  func ended(_ request: PendingRequest) { open -= 1 }
  func answer(_ request: PendingRequest, with response: [UInt8]) {
    answers.append(String(decoding: response, as: UTF8.self))
  }
  func refuse(_ request: PendingRequest, because reason: RefusalReason) { refusals.append(reason) }
}

/// The desk and what is around it; used on its loop only.
private final class Bench {
  let fabric = FakeFabric()
  let owner = FakeOwner()
  let desk: PrimaryDesk
  let network: PeerNetwork
  var limits = FrontEndLimits()

  init(_ eventLoop: any EventLoop, limits: FrontEndLimits = FrontEndLimits()) {
    let configuration = FrontEndConfiguration(
      server: ServerName("a"),
      servers: [],
      pool: PoolName("p"),
      domain: "example.com",
      groups: 8,
      version: "1",
      sip: [Endpoint(host: "127.0.0.1", port: 0)],
      peer: Endpoint(host: "127.0.0.1", port: 0)
    )
    self.limits = limits
    network = PeerNetwork(configuration: configuration, eventLoop: eventLoop, logger: Logger(label: "t"))
    desk = PrimaryDesk(
      agent: fabric,
      network: network,
      limits: limits,
      metrics: FrontEndMetrics(MetricRegistry()),
      owner: owner
    )
  }

  @discardableResult
  func take(
    _ user: String,
    group: Int = 0,
    patience: Duration = .seconds(3),
    answerPeer: ((PeerFrame) -> Void)? = nil
  ) throws -> PendingRequest {
    let text =
      "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5;branch=z9hG4bK\(user)\r\n"
      + "From: <sip:\(user)@example.com>\r\nTo: <sip:\(user)@example.com>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n\r\n"
    let message = try SIPMessage(parsing: Array(text.utf8))
    let address = try #require(IPAddress(SocketAddress(ipAddress: "127.0.0.1", port: 5)))
    let source = MessageSource(
      kind: .udp,
      address: address,
      port: 5,
      server: ServerName("a"),
      flow: 0,
      way: .peer
    )
    let now = ServerClock.now()
    let request = PendingRequest(
      message: message,
      source: source,
      key: TransactionKey(message, try message.topVia, from: source),
      addressOfRecord: "sip:\(user)@example.com",
      group: RoutingGroupID(group),
      arrived: now,
      deadline: now + patience,
      answerPeer: answerPeer
    )
    owner.open += 1
    desk.take(request)
    return request
  }
}

/// Gives a test a bench. No link to another server is used, so that nothing runs on the loop.
private func withBench(
  limits: FrontEndLimits = FrontEndLimits(),
  _ body: (Bench) throws -> Void
) throws {
  try body(Bench(MultiThreadedEventLoopGroup.singleton.next(), limits: limits))
}

@Suite("The primary's desk")
struct PrimaryDeskTests {
  @Test("answers only after the write is durable, one at a time for each user")
  func order() throws {
    try withBench { bench in
      try bench.take("u")
      try bench.take("u")
      try bench.take("other")
      #expect(bench.fabric.writes.map(\.aor) == ["sip:u@example.com", "sip:other@example.com"])
      #expect(bench.owner.answers.isEmpty)
      bench.fabric.records["sip:u@example.com"] = StoredRecord(bytes: [1], revision: 7)
      bench.fabric.writes[0].done(.applied(7))
      #expect(bench.owner.answers.count == 1)
      #expect(bench.fabric.writes.count == 3)
      #expect(bench.fabric.writes[2].expecting == 7)
      bench.fabric.writes[2].done(.applied(8))
      bench.fabric.writes[1].done(.applied(9))
      #expect(bench.owner.answers.count == 3)
      #expect(bench.owner.open == 0)
    }
  }

  @Test("a conflict is decided again on the newer record, not for ever")
  func conflict() throws {
    try withBench { bench in
      try bench.take("u")
      for attempt in 1..<bench.limits.writeAttempts {
        let current = StoredRecord(bytes: [1], revision: UInt64(attempt * 10))
        bench.fabric.writes[attempt - 1].done(.conflict(current))
        #expect(bench.fabric.writes[attempt].expecting == UInt64(attempt * 10))
      }
      bench.fabric.writes[bench.limits.writeAttempts - 1].done(.conflict(nil))
      #expect(bench.owner.refusals == [.conflicts])
      #expect(bench.owner.open == 0)
    }
  }

  @Test("a store that failed is no 200")
  func storeFails() throws {
    try withBench { bench in
      try bench.take("u")
      bench.fabric.writes[0].done(.failed(FabricStoreError(.noSpace, "full", outcome: .unknown)))
      #expect(bench.owner.answers.isEmpty)
      #expect(bench.owner.refusals == [.store])
    }
  }

  @Test("during a swap requests are held, then served in order; too many get 503")
  func held() throws {
    var limits = FrontEndLimits()
    limits.requestsHeld = 2
    try withBench(limits: limits) { bench in
      bench.fabric.routes[RoutingGroupID(3)] = .held
      try bench.take("a", group: 3)
      try bench.take("b", group: 3)
      try bench.take("c", group: 3)
      #expect(bench.owner.refusals == [.heldQueue])
      #expect(bench.desk.requestsHeld == 2)
      bench.fabric.routes[RoutingGroupID(3)] = .here(generation: 2)
      bench.desk.routeChanged(RoutingGroupID(3))
      #expect(bench.fabric.writes.map(\.aor) == ["sip:a@example.com", "sip:b@example.com"])
      #expect(bench.desk.requestsHeld == 0)
    }
  }

  @Test("a held request is given up at its deadline")
  func heldTooLong() throws {
    try withBench { bench in
      bench.fabric.fallback = .held
      let request = try bench.take("a", patience: .seconds(3))
      bench.desk.tick(at: request.arrived + .seconds(2))
      #expect(bench.owner.refusals.isEmpty)
      bench.desk.tick(at: request.arrived + .seconds(4))
      #expect(bench.owner.refusals == [.noPrimary])
      #expect(bench.desk.requestsHeld == 0)
    }
  }

  @Test("when this server leads no more, a user's requests all go on, and a peer is told")
  func notPrimary() throws {
    try withBench { bench in
      var frames: [PeerFrame] = []
      try bench.take("u") { frames.append($0) }
      try bench.take("u") { frames.append($0) }
      bench.fabric.fallback = .elsewhere(ServerName("b"), peerAddress: "127.0.0.1:1")
      bench.fabric.writes[0].done(.notPrimary)
      #expect(frames.map(\.type) == [.notPrimary, .notPrimary])
      #expect(bench.owner.open == 0)
    }
  }

  @Test("one user's row of requests is bounded")
  func rowIsBounded() throws {
    var limits = FrontEndLimits()
    limits.requestsPerAddressOfRecord = 2
    try withBench(limits: limits) { bench in
      for _ in 0..<4 { try bench.take("u") }
      #expect(bench.owner.refusals == [.addressOfRecordQueue])
    }
  }

  @Test("a group without any primary is 503 after a short wait")
  func unavailable() throws {
    var limits = FrontEndLimits()
    limits.unavailablePatience = .zero
    try withBench(limits: limits) { bench in
      bench.fabric.fallback = .unavailable
      try bench.take("u")
      #expect(bench.owner.refusals == [.noPrimary])
    }
  }
}

import CoreMetrics
import Metrics
import NIOCore
import PoolModel
import SIPMessage
import Testing

@testable import FrontEnd

@Suite("Metrics")
struct MetricRegistryTests {
  @Test("counters, gauges and histograms in Prometheus's text format")
  func exposition() {
    let registry = MetricRegistry()
    let counter = Counter(label: "a.total", dimensions: [("why", "x\"y")], factory: registry)
    counter.increment(by: 2)
    Counter(label: "a.total", dimensions: [("why", "x\"y")], factory: registry).increment()
    Meter(label: "level", factory: registry).set(7)
    let timer = Metrics.Timer(label: "t_seconds", dimensions: [], factory: registry)
    timer.recordNanoseconds(2_000_000)
    timer.recordNanoseconds(20_000_000_000)
    let text = registry.exposition()
    #expect(text.contains("# TYPE a_total counter\na_total{why=\"x\\\"y\"} 3\n"))
    #expect(text.contains("# TYPE level gauge\nlevel 7\n"))
    #expect(text.contains("t_seconds_bucket{le=\"0.001\"} 0\nt_seconds_bucket{le=\"0.0025\"} 1\n"))
    #expect(text.contains("t_seconds_bucket{le=\"+Inf\"} 2\n"))
    #expect(text.contains("t_seconds_count 2\n"))
  }
}

@Suite("Limit per source")
struct SourceLimiterTests {
  /// How many of `count` requests at one moment are admitted.
  private func admitted(_ count: Int, _ limiter: inout SourceLimiter, _ source: IPAddress, _ at: Instant)
    -> Int
  {
    (0..<count).reduce(0) { sum, _ in sum + (limiter.admit(source, at: at) ? 1 : 0) }
  }

  private func address(_ text: String) throws -> IPAddress {
    try #require(IPAddress(SocketAddress(ipAddress: text, port: 1)))
  }

  private var limits: FrontEndLimits {
    var limits = FrontEndLimits()
    limits.requestsPerSecondAndSource = 10
    limits.burstPerSource = 5
    limits.sourcesRemembered = 2
    return limits
  }

  @Test("a burst passes, then the rate")
  func rate() throws {
    var limiter = SourceLimiter(limits)
    let source = try address("192.0.2.1")
    let start = Instant(nanoseconds: 1_000_000_000)
    #expect(admitted(9, &limiter, source, start) == 5)
    #expect(admitted(9, &limiter, source, start + .milliseconds(150)) == 1)
    #expect(admitted(9, &limiter, source, start + .milliseconds(160)) == 0)
    #expect(admitted(9, &limiter, try address("192.0.2.2"), start) == 5)
  }

  @Test("a flood of addresses shares one bucket instead of taking memory")
  func manySources() throws {
    var limiter = SourceLimiter(limits)
    let start = Instant(nanoseconds: 1)
    _ = limiter.admit(try address("192.0.2.1"), at: start)
    _ = limiter.admit(try address("192.0.2.2"), at: start)
    var admitted = 0
    for last in 3..<200 where limiter.admit(try address("192.0.2.\(last)"), at: start) { admitted += 1 }
    #expect(admitted == 5)
  }

  @Test("loopback is not counted unless asked for")
  func loopback() throws {
    var limiter = SourceLimiter(limits)
    let start = Instant(nanoseconds: 1)
    for text in ["127.0.0.9", "::1", "::ffff:127.0.0.1"] {
      let source = try address(text)
      #expect(admitted(20, &limiter, source, start) == 20)
    }
  }
}

@Suite("Endpoints and addresses")
struct EndpointTests {
  @Test(
    "are read and written",
    arguments: [
      ("127.0.0.1:5060", "127.0.0.1:5060"), ("[::1]:5060", "[::1]:5060"), ("::1:5060", nil), ("x", nil),
      ("h:70000", nil), (":5060", nil),
    ] as [(String, String?)]
  )
  func endpoint(text: String, expected: String?) { #expect(Endpoint(text)?.description == expected) }

  @Test("an address survives a frame", arguments: ["10.1.2.3", "2001:db8::1", "127.0.0.1"])
  func frame(text: String) throws {
    let address = try #require(IPAddress(SocketAddress(ipAddress: text, port: 1)))
    var buffer = ByteBuffer()
    address.write(to: &buffer)
    #expect(IPAddress.read(from: &buffer) == address)
    #expect(address.text == text)
    #expect(address.socketAddress(port: 9)?.ipAddress == text)
  }
}

@Suite("STUN")
struct STUNBindingTests {
  private let request: [UInt8] = [0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42] + Array(1...12)

  @Test("a Binding request gets the address it came from")
  func binding() throws {
    let source = try #require(IPAddress(SocketAddress(ipAddress: "192.0.2.1", port: 1)))
    let answer = try #require(STUNBinding.response(to: request, from: source, port: 32_853))
    // RFC 5769 section 2.2 has the same address and port: their XOR-MAPPED-ADDRESS.
    #expect(Array(answer[20...]) == [0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43])
    #expect(Array(answer[..<4]) == [1, 1, 0, 12])
    #expect(Array(answer[4..<20]) == Array(request[4..<20]))
  }

  @Test("anything else gets nothing")
  func others() throws {
    let source = try #require(IPAddress(SocketAddress(ipAddress: "::1", port: 1)))
    #expect(STUNBinding.response(to: Array(request.dropLast()), from: source, port: 1) == nil)
    #expect(STUNBinding.response(to: request + [1], from: source, port: 1) == nil)
    #expect(STUNBinding.response(to: [0, 0, 0, 0], from: source, port: 1) == nil)
    #expect(STUNBinding.response(to: request, from: source, port: 1)?.count == 44)
  }
}

@Suite("Sealed routes")
struct RouteSealTests {
  private let seal = RouteSeal(secret: Array("pool".utf8))

  private func message(_ method: String, branch: String) throws -> SIPMessage {
    let text =
      "\(method) sip:u@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=\(branch)\r\n"
      + "From: <sip:a@example.com>;tag=1\r\nTo: <sip:u@example.com>\r\nCall-ID: c\r\nCSeq: 1 \(method)\r\n\r\n"
    return try SIPMessage(parsing: Array(text.utf8))
  }

  @Test("a relayed request's CANCEL gets the same branch, another request does not")
  func branches() throws {
    let server = ServerName("fe-1.x")
    let via = try message("INVITE", branch: "z9hG4bKx1").topVia
    let branch = seal.relayBranch(of: via, for: server)
    #expect(seal.relayBranch(of: try message("CANCEL", branch: "z9hG4bKx1").topVia, for: server) == branch)
    #expect(seal.relayBranch(of: try message("INVITE", branch: "z9hG4bKx2").topVia, for: server) != branch)
    #expect(seal.server(ofRelayBranch: branch[...]) == server)
  }

  @Test("nobody else can make one, or change one")
  func forged() throws {
    let via = try message("INVITE", branch: "z9hG4bKx1").topVia
    let branch = seal.relayBranch(of: via, for: ServerName("a"))
    let stranger = RouteSeal(secret: Array("other".utf8))
    #expect(stranger.server(ofRelayBranch: branch[...]) == nil)
    let text = String(decoding: branch, as: UTF8.self)
    let changed = text.replacing("-61-", with: "-62-")
    #expect(changed != text)
    for junk in [changed, "", "z9hG4bKq3-", "z9hG4bKq3-1-zz-3", "z9hG4bK"] {
      #expect(seal.server(ofRelayBranch: Array(junk.utf8)[...]) == nil)
    }
  }

  @Test("a Record-Route token is good for its dialog only, and says all of both ends")
  func token() throws {
    let v4 = try #require(IPAddress(SocketAddress(ipAddress: "192.0.2.77", port: 1)))
    let v6 = try #require(IPAddress(SocketAddress(ipAddress: "2001:db8::7", port: 1)))
    var nat = RouteSeal.Place.datagram(of: ServerName("fe.2"))
    nat.seen = ClientAddress(address: v4, port: 5_060)
    var nat6 = RouteSeal.Place.datagram(of: ServerName("fe3"))
    nat6.seen = ClientAddress(address: v6, port: 65_535)
    let places = [
      RouteSeal.Place(server: ServerName("fe-1"), flow: 40), .datagram(of: ServerName("x")), nat, nat6,
    ]
    let callID = Array("c1".utf8)
    for caller in places {
      for (callee, side) in zip(places, [RouteSeal.Side.caller, .callee, .both, .caller]) {
        let dialog = RouteSeal.Dialog(caller: caller, callee: callee, side: side)
        let text = seal.token(dialog, callID: callID[...])
        let token = Array(text.utf8)
        #expect(seal.dialog(of: token[...], callID: callID[...]) == dialog)
        #expect(seal.dialog(of: token[...], callID: Array("c2".utf8)[...]) == nil)
        let other = side == .caller ? "d" : "c"
        let turned = Array(text.replacing("2!\(side.rawValue)!", with: "2!\(other)!").utf8)
        #expect(seal.dialog(of: turned[...], callID: callID[...]) == nil)
        // It stands in a URI's user part.
        #expect(try SIPURI(parsing: "sip:\(text)@192.0.2.1").user?.elementsEqual(token) == true)
      }
    }
  }
}

import Logging
import NIOCore
import NIOPosix
import PoolModel
import Synchronization
import Testing

@testable import FrontEnd

@Suite("Frames between servers")
struct PeerFrameTests {
  @Test("a frame is read as it was written, however it is cut")
  func roundTrip() throws {
    let frame = PeerFrame(.request, call: 77, body: ByteBuffer(string: "REGISTER"))
    var wire = ByteBuffer()
    frame.write(to: &wire)
    var arrived = ByteBuffer()
    for byte in wire.readableBytesView.dropLast() {
      arrived.writeInteger(byte)
      #expect(try PeerFrame.read(from: &arrived, limit: 1_000) == nil)
    }
    arrived.writeBytes(wire.readableBytesView.suffix(1))
    #expect(try PeerFrame.read(from: &arrived, limit: 1_000) == frame)
    #expect(arrived.readableBytes == 0)
  }

  @Test("lengths that cannot be are errors, not memory")
  func badLengths() {
    for length in [UInt32(0), 9, 1_001, .max] {
      var wire = ByteBuffer(integer: length)
      #expect(throws: PeerFrameError.self) { try PeerFrame.read(from: &wire, limit: 1_000) }
    }
  }

  @Test("a type of a newer release is read over, another format is not")
  func newer() throws {
    var wire = ByteBuffer()
    PeerFrame(.ping).write(to: &wire)
    wire.setInteger(UInt8(200), at: 5)
    #expect(try PeerFrame.read(from: &wire, limit: 1_000)?.type == nil)
    PeerFrame(.ping).write(to: &wire)
    wire.setInteger(UInt8(9), at: wire.readerIndex + 4)
    #expect(throws: PeerFrameError.unknownFormat(9)) { try PeerFrame.read(from: &wire, limit: 1_000) }
  }

  @Test("a passed request keeps where it came from", arguments: ["192.0.2.7", "2001:db8::7"])
  func passedRequest(host: String) throws {
    let address = try #require(IPAddress(SocketAddress(ipAddress: host, port: 5_062)))
    let source = MessageSource(
      kind: .tcp,
      address: address,
      port: 5_062,
      server: ServerName("fe1"),
      flow: 9,
      way: .peer
    )
    let passed = try #require(PassedRequest(PassedRequest([1, 2, 3], from: source).body))
    #expect(passed.bytes == [1, 2, 3])
    #expect(passed.source.address.text == host)
    #expect(passed.source.port == 5_062)
    #expect(passed.source.server == ServerName("fe1"))
    #expect(passed.source.flow == 9)
    #expect(PassedRequest(ByteBuffer(bytes: [0, 200, 1])) == nil)
  }
}

@Suite("The greeting between servers")
struct PeerHandshakeTests {
  /// Plays both sides to the end; what each ended with.
  private func play(_ connecting: [[UInt8]], _ listening: [[UInt8]]) -> (Bool, Bool) {
    let names = (ServerName("a"), ServerName("b"))
    var left = PeerHandshake(
      role: .connecting,
      name: names.0,
      keys: connecting,
      nonce: Array(repeating: 1, count: 32)
    )
    var right = PeerHandshake(
      role: .listening,
      name: names.1,
      keys: listening,
      nonce: Array(repeating: 2, count: 32)
    )
    var toRight = [left.hello]
    var toLeft = [right.hello]
    var open = (false, false)
    while !toRight.isEmpty || !toLeft.isEmpty {
      let (forRight, forLeft) = (toRight, toLeft)
      (toRight, toLeft) = ([], [])
      for frame in forRight {
        switch right.receive(frame) {
        case .send(let frames): toLeft += frames
        case .open(let frames, let peer):
          toLeft += frames
          open.1 = peer == names.0
        case .refuse: return open
        }
      }
      for frame in forLeft {
        switch left.receive(frame) {
        case .send(let frames): toRight += frames
        case .open(let frames, let peer):
          toRight += frames
          open.0 = peer == names.1
        case .refuse: return open
        }
      }
    }
    return open
  }

  private let old = Array("the old key".utf8)
  private let new = Array("the new key".utf8)

  @Test("servers with the same key let each other in")
  func sameKey() { #expect(play([old], [old]) == (true, true)) }

  @Test("a key is changed with an overlap")
  func rotation() {
    #expect(play([old, new], [new, old]) == (true, true))
    #expect(play([new, old], [old, new]) == (true, true))
  }

  @Test("another key, or none, is kept out")
  func wrongKey() {
    #expect(play([old], [new]) == (false, false))
    #expect(play([], [new]).1 == false)
  }

  @Test("a proof cannot be sent back to its maker")
  func reflection() {
    var right = PeerHandshake(
      role: .listening,
      name: ServerName("b"),
      keys: [old],
      nonce: Array(repeating: 2, count: 32)
    )
    var mirror = PeerHandshake(
      role: .listening,
      name: ServerName("b"),
      keys: [old],
      nonce: Array(repeating: 2, count: 32)
    )
    guard case .send(let proof) = right.receive(mirror.hello), let echo = proof.first else {
      Issue.record("no proof")
      return
    }
    _ = mirror.receive(right.hello)
    guard case .refuse = right.receive(echo) else {
      Issue.record("its own proof was taken")
      return
    }
  }
}

/// Answers every lookup with the same text.
private final class Echo: PeerService {
  func peerCalled(_ frame: PeerFrame, from peer: ServerName, answer: @escaping (PeerFrame) -> Void) {
    answer(PeerFrame(.record, body: ByteBuffer(string: "\(peer) asked \(String(buffer: frame.body))")))
  }
}

@Suite("Links between servers")
struct PeerNetworkTests {
  private static func configuration(_ name: String, keys: [[UInt8]]) -> FrontEndConfiguration {
    FrontEndConfiguration(
      server: ServerName(name),
      servers: [],
      pool: PoolName("p"),
      domain: "example.com",
      groups: 1,
      version: "1",
      sip: [],
      peer: Endpoint(host: "127.0.0.1", port: 0),
      poolKeys: keys
    )
  }

  private enum Ending: Equatable {
    case text(String)
    case gone
    case full
  }

  /// One call from a to b; what came of it.
  private func call(keys: ([[UInt8]], [[UInt8]]), listens: Bool = true) async throws -> Ending {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    let echo = try await loop.submit { NIOLoopBound(Echo(), eventLoop: loop) }.get()
    let networks = try await loop.submit {
      let a = PeerNetwork(
        configuration: Self.configuration("a", keys: keys.0),
        eventLoop: loop,
        logger: logger
      )
      let b = PeerNetwork(
        configuration: Self.configuration("b", keys: keys.1),
        eventLoop: loop,
        logger: logger
      )
      b.service = echo.value
      return NIOLoopBound((a: a, b: b), eventLoop: loop)
    }.get()
    let listening = Listening(group: group, limits: FrontEndLimits())
    let channel = try await listening.stream("peer", Endpoint(host: "127.0.0.1", port: 0)) {
      try networks.value.b.accept($0)
    }
    let port = channel.localAddress?.port ?? 0
    if !listens { try await channel.close() }
    let promise = loop.makePromise(of: Ending.self)
    loop.execute {
      networks.value.a.address = { _ in "127.0.0.1:\(port)" }
      networks.value.a.link(to: ServerName("b")).call(.lookup, ByteBuffer(string: "x")) { answer in
        switch answer {
        case .frame(let frame): promise.succeed(.text(String(buffer: frame.body)))
        case .gone: promise.succeed(.gone)
        case .full: promise.succeed(.full)
        }
      }
    }
    let ending = try await promise.futureResult.get()
    try await loop.submit {
      networks.value.a.close()
      networks.value.b.close()
    }.get()
    try await group.shutdownGracefully()
    return ending
  }

  @Test("a call is answered", arguments: [[], [Array("key".utf8)]] as [[[UInt8]]])
  func answered(keys: [[UInt8]]) async throws {
    #expect(try await call(keys: (keys, keys)) == .text("a asked x"))
  }

  @Test("a call to one that is not there, or has another key, ends")
  func ends() async throws {
    #expect(try await call(keys: ([], []), listens: false) == .gone)
    #expect(try await call(keys: ([Array("k1".utf8)], [Array("k2".utf8)])) == .gone)
  }
}

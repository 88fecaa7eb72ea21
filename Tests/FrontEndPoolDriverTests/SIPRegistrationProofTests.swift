import FrontEndPoolDriver
import NIOCore
import NIOPosix
import PoolDriving
import PoolModel
import Synchronization
import Testing

@Suite("Proof by a registration", .timeLimit(.minutes(1)))
struct SIPRegistrationProofTests {
  /// How the registrar of a test answers a request that it was asked for the n-th time.
  typealias Answer = @Sendable (_ request: String, _ number: Int) -> [String]

  /// A registrar that answers over UDP as told; `body` gets its address.
  private func withRegistrar(_ answer: @escaping Answer, _ body: (String) async throws -> Void) async throws {
    let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Responder(answer))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    do {
      try await body("127.0.0.1:\(channel.localAddress?.port ?? 0)")
    } catch {
      try await channel.close()
      throw error
    }
    try await channel.close()
  }

  private final class Responder: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>
    private let answer: Answer
    private var number = 0

    init(_ answer: @escaping Answer) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let envelope = unwrapInboundIn(data)
      number += 1
      for reply in answer(String(buffer: envelope.data), number) {
        let out = AddressedEnvelope(remoteAddress: envelope.remoteAddress, data: ByteBuffer(string: reply))
        context.writeAndFlush(wrapOutboundOut(out), promise: nil)
      }
    }
  }

  private static func reply(_ status: String, to request: String, contact: String? = nil) -> String {
    let copied = request.split(separator: "\r\n").filter { line in
      ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].contains { line.hasPrefix($0) }
    }
    let contacts = contact.map { ["Contact: <\($0)>;expires=60"] } ?? []
    return (["SIP/2.0 \(status)"] + copied.map(String.init) + contacts + ["Content-Length: 0", "", ""])
      .joined(separator: "\r\n")
  }

  private static func contact(in request: String) -> String? {
    guard let line = request.split(separator: "\r\n").first(where: { $0.hasPrefix("Contact: <") }) else {
      return nil
    }
    return String(line.dropFirst(10).prefix { $0 != ">" })
  }

  private let proof = SIPRegistrationProof(domain: "example.com", patience: .seconds(2))

  @Test("it registers, queries and removes")
  func passes() async throws {
    let seen = Mutex<[String]>([])
    let answer: Answer = { request, _ in
      let contact = Self.contact(in: request)
      let stored = seen.withLock { seen -> String? in
        seen.append(request)
        return contact ?? seen.first.flatMap { Self.contact(in: $0) }
      }
      return [Self.reply("100 Trying", to: request), Self.reply("200 OK", to: request, contact: stored)]
    }
    try await withRegistrar(answer) { address in try await proof.prove(ServerName("fe1"), at: address) }
    let requests = seen.withLock { $0 }
    #expect(requests.count == 3)
    #expect(requests.allSatisfy { $0.contains("To: <sip:quorate-proof-fe1@example.com>") })
    #expect(requests.map { $0.contains("Expires: 0") } == [false, false, true])
    #expect(requests.map { $0.contains("Contact:") } == [true, false, true])
  }

  @Test("a lost datagram is sent again, a 503 is asked again")
  func retries() async throws {
    let answer: Answer = { request, number in
      switch number {
      case 1: []
      case 2: [Self.reply("503 Service Unavailable", to: request)]
      default: [Self.reply("200 OK", to: request, contact: Self.contact(in: request) ?? Self.known(request))]
      }
    }
    try await withRegistrar(answer) { address in try await proof.prove(ServerName("fe1"), at: address) }
  }

  /// The contact of the sender, rebuilt from its Via.
  private static func known(_ request: String) -> String {
    let via = request.split(separator: "\r\n").first { $0.hasPrefix("Via:") } ?? ""
    return "sip:quorate-proof-fe1@" + via.dropFirst("Via: SIP/2.0/UDP ".count).prefix { $0 != ";" }
  }

  @Test("a 200 whose binding cannot be found is not taken for a proof")
  func falseOK() async throws {
    try await withRegistrar({ request, _ in [Self.reply("200 OK", to: request)] }) { address in
      let error = await #expect(throws: PoolDriverError.self) {
        try await proof.prove(ServerName("fe1"), at: address)
      }
      #expect(error?.code == .failed && error?.message.contains("query does not show it") == true)
    }
  }

  @Test("silence, garbage and a closed port end with an error when the patience ends")
  func silence() async throws {
    let quick = SIPRegistrationProof(domain: "example.com", patience: .milliseconds(700))
    let answer: Answer = { request, _ in
      ["SIP/2.0 nonsense\r\n\r\n", Self.reply("200 OK", to: "CSeq: 9 REGISTER")]
    }
    try await withRegistrar(answer) { address in
      let error = await #expect(throws: PoolDriverError.self) {
        try await quick.prove(ServerName("fe1"), at: address)
      }
      #expect(error?.code == .failed && error?.message.contains("no answer to REGISTER") == true)
    }
    for address in ["127.0.0.1:9", "nonsense"] {
      await #expect(throws: PoolDriverError.self) { try await quick.prove(ServerName("fe1"), at: address) }
    }
  }
}

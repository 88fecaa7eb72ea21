import NIOCore
import NIOPosix
import SIPMessage
import Synchronization

/// A registrar of a few lines for tests: it keeps contacts in a dictionary and does as its behaviour says.
final class ScriptedServer: Sendable {
  enum Behaviour: Sendable { case serve, refuse, silent, forget, fail }

  /// What the servers of one test share.
  final class Store: Sendable {
    let contacts = Mutex<[String: [String]]>([:])
  }

  let port: Int
  private let channel: any Channel
  private let behaviour: Mutex<Behaviour>
  private let counter = Mutex<[String: Int]>([:])

  private init(channel: any Channel, behaviour: Behaviour) {
    self.channel = channel
    self.behaviour = Mutex(behaviour)
    port = channel.localAddress?.port ?? 0
  }

  static func start(_ store: Store, _ behaviour: Behaviour = .serve, port: Int = 0) async throws
    -> ScriptedServer
  {
    let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .bind(host: "127.0.0.1", port: port).get()
    let server = ScriptedServer(channel: channel, behaviour: behaviour)
    try await channel.pipeline.addHandler(Handler(server, store)).get()
    return server
  }

  func behave(_ new: Behaviour) { behaviour.withLock { $0 = new } }
  func count(_ method: String) -> Int { counter.withLock { $0[method] ?? 0 } }
  func stop() async { try? await channel.close().get() }

  private final class Handler: ChannelInboundHandler, Sendable {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>
    let server: ScriptedServer
    let store: Store
    init(_ server: ScriptedServer, _ store: Store) {
      self.server = server
      self.store = store
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let envelope = unwrapInboundIn(data)
      let text = String(buffer: envelope.data)
      guard !text.hasPrefix("SIP/2.0") else { return }
      let method = String(text.prefix { $0 != " " })
      server.counter.withLock { $0[method, default: 0] += 1 }
      let behaviour = server.behaviour.withLock { $0 }
      guard behaviour != .silent else { return }
      let lines = text.split(separator: "\r\n").map(String.init)
      func header(_ name: String) -> String { lines.first { $0.hasPrefix(name + ":") } ?? "" }
      let to = header("To")
      var extra = ""
      if behaviour == .serve || behaviour == .forget, method == "REGISTER" {
        let contact = header("Contact")
        store.contacts.withLock { contacts in
          if contact.contains("expires=0") {
            contacts[to] = nil
          } else if !contact.isEmpty, behaviour == .serve {
            contacts[to] = [contact]
          }
          for one in contacts[to] ?? [] { extra += one + ";expires=600\r\n" }
        }
        // A forgetful server acknowledges what it does not keep.
        if behaviour == .forget, !contact.isEmpty { extra = contact + ";expires=600\r\n" }
      }
      let status =
        switch behaviour {
        case .refuse: "503 Service Unavailable"
        case .fail: "500 Server Internal Error"
        default: "200 OK"
        }
      let answer =
        "SIP/2.0 \(status)\r\n\(header("Via"))\r\n\(header("From"))\r\n\(to);tag=s\r\n\(header("Call-ID"))\r\n"
        + "\(header("CSeq"))\r\n\(extra)Content-Length: 0\r\n\r\n"
      context.writeAndFlush(
        wrapOutboundOut(
          AddressedEnvelope(remoteAddress: envelope.remoteAddress, data: ByteBuffer(string: answer))
        ),
        promise: nil
      )
      if method == "MESSAGE", behaviour == .serve { passOn(context, text, to: to) }
    }

    /// As a proxy would: with a Via of its own on top.
    private func passOn(_ context: ChannelHandlerContext, _ text: String, to: String) {
      let contact = store.contacts.withLock { $0[to]?.first ?? "" }
      guard let colon = contact.lastIndex(of: ":"),
        let port = Int(contact[contact.index(after: colon)...].dropLast()),
        let address = try? SocketAddress(ipAddress: "127.0.0.1", port: port)
      else { return }
      let via = "\r\nVia: SIP/2.0/UDP 127.0.0.1:\(server.port);branch=z9hG4bK-proxy\r\nVia:"
      let passed = text.replacing("\r\nVia:", with: via, maxReplacements: 1)
      context.writeAndFlush(
        wrapOutboundOut(AddressedEnvelope(remoteAddress: address, data: ByteBuffer(string: passed))),
        promise: nil
      )
    }
  }
}

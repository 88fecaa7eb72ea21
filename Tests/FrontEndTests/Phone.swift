import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

@testable import FrontEnd

/// A client with one UDP socket or one TCP connection, for tests.
final class Phone: Sendable {
  private let channel: any Channel
  private let remote: SocketAddress?
  private let inbox: Inbox
  let port: Int
  let isStream: Bool

  private init(_ channel: any Channel, _ remote: SocketAddress?, _ inbox: Inbox, isStream: Bool) {
    self.channel = channel
    self.remote = remote
    self.inbox = inbox
    self.isStream = isStream
    port = channel.localAddress?.port ?? 0
  }

  static func udp(to server: Endpoint) async throws -> Phone {
    let inbox = Inbox()
    let host = server.host.contains(":") ? "::1" : "127.0.0.1"
    let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { $0.pipeline.addHandler(DatagramCollector(inbox)) }
      .bind(host: host, port: 0).get()
    let remote = try SocketAddress(ipAddress: server.host, port: server.port)
    return Phone(channel, remote, inbox, isStream: false)
  }

  static func tcp(to server: Endpoint) async throws -> Phone {
    let inbox = Inbox()
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { $0.pipeline.addHandler(StreamCollector(inbox)) }
      .connect(host: server.host, port: server.port).get()
    return Phone(channel, nil, inbox, isStream: true)
  }

  static func tls(to server: Endpoint, context: NIOSSLContext) async throws -> Phone {
    let inbox = Inbox()
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers([
            NIOSSLClientHandler(context: context, serverHostname: nil), StreamCollector(inbox),
          ])
        }
      }
      .connect(host: server.host, port: server.port).get()
    return Phone(channel, nil, inbox, isStream: true)
  }

  /// Sends, over UDP to `other` if that is given.
  func send(_ text: String, to other: Endpoint? = nil) async throws {
    let bytes = ByteBuffer(string: text)
    if let other, !isStream {
      let remote = try SocketAddress(ipAddress: other.host, port: other.port)
      try await channel.writeAndFlush(AddressedEnvelope(remoteAddress: remote, data: bytes))
    } else if let remote {
      try await channel.writeAndFlush(AddressedEnvelope(remoteAddress: remote, data: bytes))
    } else {
      try await channel.writeAndFlush(bytes)
    }
  }

  /// The next message (of a stream: what has come, once it ends a header section), or `nil` when none comes in time.
  func receive(within time: Duration = .seconds(4)) async -> String? { await inbox.next(within: time) }

  /// Sends a request and waits for its final answer, sending again as UDP does.
  func ask(_ text: String, within time: Duration = .seconds(6)) async throws -> String? {
    let end = ContinuousClock.now + time
    try await send(text)
    while ContinuousClock.now < end {
      if let answer = await inbox.next(within: .milliseconds(500)) {
        if answer.hasPrefix("SIP/2.0 1") { continue }
        return answer
      }
      if !isStream { try await send(text) }
    }
    return nil
  }

  var isOpen: Bool { channel.isActive }

  func close() async { try? await channel.close() }
}

/// Messages that came and were not read yet.
final class Inbox: Sendable {
  private let messages = Mutex<[String]>([])

  func put(_ text: String) { messages.withLock { $0.append(text) } }

  func next(within time: Duration) async -> String? {
    let end = ContinuousClock.now + time
    while ContinuousClock.now < end {
      if let text = messages.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { return text }
      try? await Task.sleep(for: .milliseconds(2))
    }
    return nil
  }
}

private final class DatagramCollector: ChannelInboundHandler, Sendable {
  typealias InboundIn = AddressedEnvelope<ByteBuffer>
  private let inbox: Inbox
  init(_ inbox: Inbox) { self.inbox = inbox }
  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    inbox.put(String(buffer: unwrapInboundIn(data).data))
  }
}

final class StreamCollector: ChannelInboundHandler, Sendable {
  typealias InboundIn = ByteBuffer
  private let inbox: Inbox
  private let pending = Mutex("")
  init(_ inbox: Inbox) { self.inbox = inbox }
  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let text = pending.withLock { pending in
      pending += String(buffer: unwrapInboundIn(data))
      defer { if pending.contains("\r\n\r\n") || pending == "\r\n" { pending = "" } }
      return pending
    }
    guard text.contains("\r\n\r\n") || text == "\r\n" else { return }
    if text == "\r\n" { return inbox.put(text) }
    // Every message of these tests has no body, so an empty line ends it.
    for message in text.components(separatedBy: "\r\n\r\n") where !message.isEmpty {
      inbox.put(message + "\r\n\r\n")
    }
  }
}

extension String {
  fileprivate func components(separatedBy separator: String) -> [String] {
    var parts: [String] = []
    var rest = self[...]
    while let range = rest.firstRange(of: separator) {
      parts.append(String(rest[..<range.lowerBound]))
      rest = rest[range.upperBound...]
    }
    parts.append(String(rest))
    return parts
  }

  /// The value of the first header field of this name.
  func header(_ name: String) -> String? {
    for line in split(separator: "\r\n") where line.lowercased().hasPrefix(name.lowercased() + ":") {
      return String(line.dropFirst(name.count + 1).drop { $0 == " " })
    }
    return nil
  }

  /// The status code of a response.
  var status: Int? { hasPrefix("SIP/2.0 ") ? Int(dropFirst(8).prefix(3)) : nil }
}

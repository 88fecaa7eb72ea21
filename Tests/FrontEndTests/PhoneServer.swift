import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

@testable import FrontEnd

/// A client that listens for streams, for tests: it collects what comes on any of them and answers on the last one.
final class PhoneServer: Sendable {
  private let channel: any Channel
  private let inbox: Inbox
  private let last: LastChannel
  let port: Int

  private init(_ channel: any Channel, _ inbox: Inbox, _ last: LastChannel) {
    self.channel = channel
    self.inbox = inbox
    self.last = last
    port = channel.localAddress?.port ?? 0
  }

  /// Listens over TCP, or over TLS with the certificate and key given.
  static func start(tls: NIOSSLContext? = nil) async throws -> PhoneServer {
    let inbox = Inbox()
    let last = LastChannel()
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        last.channel.withLock { $0 = channel }
        last.count.withLock { $0 += 1 }
        return channel.eventLoop.makeCompletedFuture {
          if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
          try channel.pipeline.syncOperations.addHandler(StreamCollector(inbox))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    return PhoneServer(channel, inbox, last)
  }

  /// How many connections it has got.
  var connections: Int { last.count.withLock { $0 } }

  func send(_ text: String) async throws {
    try await last.channel.withLock { $0 }?.writeAndFlush(ByteBuffer(string: text))
  }

  func receive(within time: Duration = .seconds(4)) async -> String? { await inbox.next(within: time) }

  func close() async {
    try? await last.channel.withLock { $0 }?.close()
    try? await channel.close()
  }
}

private final class LastChannel: Sendable {
  let channel = Mutex<(any Channel)?>(nil)
  let count = Mutex(0)
}

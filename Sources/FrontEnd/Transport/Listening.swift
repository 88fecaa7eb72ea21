import Glibc
import NIOCore
import NIOPosix

/// Opens the server's own addresses, and says in plain words why one cannot be opened.
struct Listening {
  let group: MultiThreadedEventLoopGroup
  let limits: FrontEndLimits

  /// Binds a UDP socket.
  func datagram(_ endpoint: Endpoint, _ port: NIOLoopBound<DatagramPort>) async throws(FrontEndError)
    -> any Channel
  {
    try await named("sip", endpoint) {
      // No SO_REUSEADDR: with UDP it would let two servers share the address and lose half the requests each.
      try await DatagramBootstrap(group: group)
        .channelOption(.datagramVectorReadMessageCount, value: 32)
        .channelOption(
          .recvAllocator,
          value: FixedSizeRecvByteBufferAllocator(capacity: 32 * 65_536)
        )
        .channelOption(.socketOption(.so_rcvbuf), value: limits.datagramBufferBytes)
        .channelOption(.socketOption(.so_sndbuf), value: limits.datagramBufferBytes)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(port.value)
          }
        }
        .bind(host: endpoint.host, port: endpoint.port).get()
    }
  }

  /// Listens for streams; `accept` puts the handlers of each into its channel.
  func stream(
    _ what: String,
    _ endpoint: Endpoint,
    accept: @escaping @Sendable (any Channel) throws -> Void
  ) async throws(FrontEndError) -> any Channel {
    try await named(what, endpoint) {
      try await ServerBootstrap(group: group)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .serverChannelOption(.backlog, value: 1_024)
        .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
        .childChannelOption(.allowRemoteHalfClosure, value: true)
        .childChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture { try accept(channel) }
        }
        .bind(host: endpoint.host, port: endpoint.port).get()
    }
  }

  private func named(
    _ what: String,
    _ endpoint: Endpoint,
    _ body: () async throws -> any Channel
  ) async throws(FrontEndError) -> any Channel {
    do {
      return try await body()
    } catch {
      throw Self.error(what, endpoint, error)
    }
  }

  /// The error for an address that could not be opened.
  static func error(_ what: String, _ endpoint: Endpoint, _ cause: any Error) -> FrontEndError {
    guard let failure = cause as? IOError else {
      return FrontEndError(.cannotListen, "\(what) address \(endpoint): \(cause)")
    }
    switch failure.errnoCode {
    case EADDRINUSE:
      return FrontEndError(
        .addressInUse,
        "\(what) address \(endpoint): already in use by another process; "
          + "stop it, or give this server another address in the pool file"
      )
    case EADDRNOTAVAIL:
      return FrontEndError(
        .cannotListen,
        "\(what) address \(endpoint): this machine has no such address; correct it in the pool file"
      )
    case EACCES:
      return FrontEndError(
        .cannotListen,
        "\(what) address \(endpoint): not permitted; ports below 1024 need a privilege"
      )
    default:
      return FrontEndError(
        .cannotListen,
        "\(what) address \(endpoint): \(String(cString: strerror(failure.errnoCode)))"
      )
    }
  }
}

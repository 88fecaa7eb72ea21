import Hummingbird
import Logging
import NIOCore
import NIOPosix

/// Shows health, metrics and state over HTTP. It runs on a thread of its own, so that no HTTP client, however slow, can
/// hold up SIP; it reads the server's state in one short visit to its loop.
struct StatusServer: Sendable {
  private static let json: HTTPFields = [.contentType: "application/json"]

  let endpoint: Endpoint
  let registry: MetricRegistry
  let snapshot: @Sendable () async throws -> StatusSnapshot
  let logger: Logger

  /// Serves until it is cancelled.
  /// - Parameter listening: told once the address is bound, with its port.
  func run(listening: @escaping @Sendable (Int) -> Void) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    var quiet = logger
    quiet.logLevel = .critical
    let application = Application(
      router: router(),
      configuration: .init(
        address: .hostname(endpoint.host, port: endpoint.port),
        serverName: nil,
        availableConnectionsDelegate: .maximum(64, logger: quiet)
      ),
      onServerRunning: { listening($0.localAddress?.port ?? 0) },
      eventLoopGroupProvider: .shared(group),
      logger: quiet
    )
    let result: Result<Void, any Error>
    do {
      try await application.run()
      result = .success(())
    } catch {
      result = .failure(error)
    }
    try? await group.shutdownGracefully()
    try result.get()
  }

  private func router() -> Router<BasicRequestContext> {
    let router = Router()
    router.get("health") { _, _ in
      let state = try await snapshot()
      var text = "{\"ready\": \(state.isReady), \"service\": \"\(state.service)\""
      if let reason = state.notReadyBecause { text += ", \"reason\": \"\(reason)\"" }
      return Self.response(state.isReady ? .ok : .serviceUnavailable, Self.json, text + "}\n")
    }
    router.get("metrics") { _, _ in
      // The visit brings the gauges up to date.
      _ = try await snapshot()
      let type: HTTPFields = [.contentType: "text/plain; version=0.0.4; charset=utf-8"]
      return Self.response(.ok, type, registry.exposition())
    }
    router.get("state") { _, _ in
      Self.response(.ok, Self.json, try await snapshot().json)
    }
    return router
  }

  private static func response(
    _ status: HTTPResponse.Status,
    _ headers: HTTPFields,
    _ text: String
  ) -> Response {
    Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(string: text)))
  }
}

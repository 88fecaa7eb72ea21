import FabricRecords
public import PoolDriving
public import PoolModel
import PoolProcedures
import Replication

extension FrontEndPoolDriver {
  /// Stops the process of a server that is out, and waits until its lease is gone from the fabric.
  public func stop(_ server: ServerName, act: Act, deadline: ContinuousClock.Instant)
    async throws(PoolDriverError)
  {
    _ = try await admit(act)
    let view = try await image().view
    guard let record = view.servers[server]?.record else { throw PoolDriverError.unknown(server, in: pool) }
    guard case .out = record.service else {
      throw PoolDriverError(
        .refused,
        "\(server) is \(record.service.sentence): only a server that is out is stopped"
      )
    }
    try await control.stop(server, act: act.identity, deadline: deadline)
    do throws(PoolDriverError) {
      try await follow(until: deadline) { image in image.view.live[server] == nil ? () : nil }
    } catch {
      guard error.code == .timedOut else { throw error }
      throw PoolDriverError(
        .timedOut,
        "\(server)'s process was stopped, but the fabric still shows a lease of it: does another process run as it?"
      )
    }
  }

  /// Starts the server's process and waits until its lease is seen in the fabric; its mark is left as it is.
  public func start(_ server: ServerName, act: Act, deadline: ContinuousClock.Instant)
    async throws(PoolDriverError)
  {
    _ = try await admit(act)
    let view = try await image().view
    guard view.servers[server] != nil else { throw PoolDriverError.unknown(server, in: pool) }
    let found = view.live[server]?.record.instance
    // The lease of a process that does not run any more is left over: what counts is the next.
    let ranAlready = try await control.start(server, act: act.identity, deadline: deadline) == .ranAlready
    if ranAlready, found != nil { return }
    let stale = ranAlready ? nil : found
    let result = await withTaskGroup(of: Result<Void, PoolDriverError>.self) { group in
      group.addTask {
        await Self.result { () async throws(PoolDriverError) in
          try await self.follow(until: deadline) { image in
            image.view.live[server].map { $0.record.instance != stale } == true ? () : nil
          }
        }
      }
      group.addTask {
        await Self.result { () async throws(PoolDriverError) in try await self.watchProcess(of: server) }
      }
      let first = await group.next() ?? .success(())
      group.cancelAll()
      return first
    }
    do throws(PoolDriverError) {
      try result.get()
    } catch {
      guard error.code == .timedOut else { throw error }
      throw PoolDriverError(
        .timedOut,
        "\(server) was started but is not seen in the fabric: see its log. \(error)"
      )
    }
  }

  /// Ends with an error once the process has been gone for three seconds on end; never by itself otherwise.
  private func watchProcess(of server: ServerName) async throws(PoolDriverError) {
    var gone = 0
    while gone < 6 {
      guard (try? await Task.sleep(for: .milliseconds(500))) != nil else {
        throw PoolDriverError(.failed, "cancelled")
      }
      gone = try await control.isRunning(server) ? 0 : gone + 1
    }
    throw PoolDriverError(.failed, "\(server) was started but its process ended: see its log")
  }

  /// A throwing call as a result, so that task groups keep the error's type.
  static func result<Value: Sendable>(
    _ body: () async throws(PoolDriverError) -> Value
  ) async -> Result<Value, PoolDriverError> {
    do throws(PoolDriverError) {
      return .success(try await body())
    } catch {
      return .failure(error)
    }
  }
}

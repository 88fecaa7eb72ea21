import SIPClient
import Testing

@Suite(.timeLimit(.minutes(1))) struct PoolClientTests {
  /// Silence is far longer than what a busy machine takes, so that a move without silence is told from one after it.
  private func client(_ servers: [ScriptedServer], users: Int, silence: Int64 = 10) async throws -> PoolClient
  {
    var timers = ClientTimers()
    timers.silence = silence * 1_000_000_000
    return try await PoolClient.start(
      ClientConfiguration(
        servers: servers.map { ServerEndpoint(name: "\($0.port)", host: "127.0.0.1", port: $0.port) },
        domain: "pool.test",
        users: users,
        timers: timers
      )
    )
  }

  @Test func registersQueriesAndRemoves() async throws {
    let store = ScriptedServer.Store()
    let servers = [try await ScriptedServer.start(store), try await ScriptedServer.start(store)]
    let client = try await client(servers, users: 200)
    #expect(await client.register(window: 32) == 200)
    let audit = await client.audit(window: 32)
    #expect(audit.acknowledged == 200 && audit.present == 200 && audit.isClean, "\(audit)")
    #expect(await client.audit(at: .server(1), window: 32).present == 200)
    #expect(servers[0].count("REGISTER") > 50, "users spread over the servers")
    #expect(await client.unregister(0..<50, window: 32) == 50)
    #expect(await client.audit(window: 32).acknowledged == 150)
    let statistics = await client.statistics()
    #expect(statistics.registers.succeeded == 250 && statistics.failed == 0)
    #expect(statistics.registers.gaps.count == 250 && statistics.longestGapOfUsers.count == 200)
    await client.close()
  }

  @Test func anAuditFindsALostBinding() async throws {
    let store = ScriptedServer.Store()
    let server = try await ScriptedServer.start(store, .forget)
    let client = try await client([server], users: 10)
    await client.register(0..<3)
    server.behave(.serve)
    await client.register(3..<10)
    let audit = await client.audit(window: 32)
    #expect(audit.acknowledged == 10 && audit.lost == 3 && audit.present == 7 && !audit.isClean)
    #expect(audit.examples.count == 3)
    await client.close()
  }

  @Test func movesOn503AndStays() async throws {
    let store = ScriptedServer.Store()
    let servers = [try await ScriptedServer.start(store), try await ScriptedServer.start(store, .refuse)]
    let client = try await client(servers, users: 100)
    #expect(await client.register(window: 32) == 100)
    let refused = servers[1].count("REGISTER")
    #expect(refused > 20)
    #expect(await client.register(window: 32) == 100)
    #expect(servers[1].count("REGISTER") == refused, "a user stays with the server that answered")
    let registers = await client.statistics().registers
    #expect(registers.unavailable == refused && registers.silences == 0)
    #expect(registers.longestWithoutSilence > 0 && registers.longestWithSilence == 0)
    await client.close()
  }

  @Test func movesOnICMPErrorsWithoutWaiting() async throws {
    let store = ScriptedServer.Store()
    let servers = [try await ScriptedServer.start(store), try await ScriptedServer.start(store)]
    let client = try await client(servers, users: 100)
    #expect(await client.register(window: 32) == 100)
    await servers[0].stop()
    #expect(await client.register(window: 32) == 100)
    let registers = await client.statistics().registers
    #expect(registers.unreachable > 0 && registers.failed == 0)
    #expect(registers.silences == 0 && registers.gaps.longest < 10_000_000_000, "\(registers)")
    // The server comes back and is found again once the other one refuses.
    let again = try await ScriptedServer.start(store, port: servers[0].port)
    servers[1].behave(.refuse)
    #expect(await client.register(window: 32) == 100)
    #expect(again.count("REGISTER") >= 100)
    await client.close()
  }

  @Test func movesAfterSilence() async throws {
    let store = ScriptedServer.Store()
    let servers = [try await ScriptedServer.start(store), try await ScriptedServer.start(store, .silent)]
    let client = try await client(servers, users: 20, silence: 1)
    #expect(await client.register(window: 32) == 20)
    let registers = await client.statistics().registers
    #expect(registers.silences > 0 && registers.unavailable == 0)
    #expect(registers.longestWithSilence >= 1_000_000_000 && registers.longestWithoutSilence < 1_000_000_000)
    await client.close()
  }

  @Test func aFinalErrorIsAFailureWithItsReason() async throws {
    let server = try await ScriptedServer.start(ScriptedServer.Store(), .fail)
    let client = try await client([server], users: 4)
    #expect(await client.register(window: 32) == 0)
    let registers = await client.statistics().registers
    #expect(registers.failed == 4 && registers.failures == [.status(500): 4])
    await client.close()
  }

  @Test func aWorkloadRefreshesAndDeliversMessages() async throws {
    let store = ScriptedServer.Store()
    let servers = [try await ScriptedServer.start(store), try await ScriptedServer.start(store)]
    let client = try await client(servers, users: 100)
    await client.register(window: 32)
    _ = await client.statistics(reset: true)
    client.begin(Workload(refreshEvery: .milliseconds(500), messagesPerSecond: 100))
    try await Task.sleep(for: .seconds(2))
    await client.quiet()
    let statistics = await client.statistics()
    #expect((50...600).contains(statistics.registers.succeeded), "\(statistics.registers.succeeded)")
    #expect((20...300).contains(statistics.messages.succeeded), "\(statistics.messages.succeeded)")
    #expect(statistics.messagesDelivered == statistics.messages.succeeded)
    #expect(statistics.strayRequests == 0 && statistics.strayDatagrams == 0 && statistics.failed == 0)
    await client.close()
  }
}
